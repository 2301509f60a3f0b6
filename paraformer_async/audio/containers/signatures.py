"""First bytes by which files are told apart, and what to do about those that contain no audio."""

__all__ = ["AUDIO", "BRANDS", "NO_AUDIO", "OGG", "PART_OF_MP4", "RIFF", "TEXT", "XML"]

# (offset, magic bytes, name, FFmpeg's demuxer); the first matching row wins.
AUDIO: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"ftyp", "MP4/M4A", "mov"),
    (4, b"moov", "QuickTime", "mov"),
    (4, b"mdat", "QuickTime", "mov"),
    *((4, box, "QuickTime", "mov") for box in (b"wide", b"free", b"skip", b"pnot")),
    (0, b"#!AMR-WB", "AMR-WB", "amr"),
    (0, b"#!AMR", "AMR-NB", "amr"),
    (0, b"\x1a\x45\xdf\xa3", "WebM/Matroska", "matroska"),
    (0, b"\x30\x26\xb2\x75", "WMA/ASF", "asf"),
    (0, b"FLV\x01", "Flash video", "flv"),
    (0, b"\x00\x00\x01\xba", "MPEG video", "mpeg"),
    (0, b"MAC ", "Monkey's Audio", "ape"),
    (0, b"wvpk", "WavPack", "wv"),
    (0, b"TTA1", "True Audio", "tta"),
    (0, b"MPCK", "Musepack", "mpc8"),
    (0, b"MP+", "Musepack", "mpc"),
    (0, b".RMF", "RealMedia", "rm"),
    (0, b".ra\xfd", "RealAudio", "rm"),
    (0, b"\x7f\xfe\x80\x01", "DTS", "dts"),
    (0, b"DSD ", "DSF", "dsf"),
    (0, b"nut/multimedia", "NUT", "nut"),
    (0, b".SoX", "SoX", "sox"),
    (0, b"caff", "CAF", "caf"),
    (8, b"AIFF", "AIFF", "aiff"),
    (8, b"AIFC", "AIFF", "aiff"),
    (0, b".snd", "AU", "au"),
    (0, b"Creative Voice File", "VOC", "voc"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64", "w64"),
    (0, b"NIST_1A", "NIST Sphere", "nistsphere"),
    (0, b"ID3", "MP3 or AAC behind an ID3 tag", ""),
    (0, b"RIFX", "WAV", "wav"),
    (0, b"fLaC", "FLAC", "flac"),
)
# The codec in an Ogg file, by the bytes from the 28th on.
OGG: dict[bytes, str] = {
    b"OpusHead": "Opus in Ogg",
    b"\x01vorbis": "Vorbis in Ogg",
    b"Speex   ": "Speex in Ogg",
    b"\x7fFLAC": "FLAC in Ogg",
}

PART_OF_MP4 = "a part of MP4 without its beginning"
_JOIN = "only the first part has the header: join all of them, in order, and pass that"
_UNPACK = "unpack it, and pass the audio in it"
_LISTED = "pass the audio files that it lists; playlists are not followed"
_SOUND = "pass a file with sound"
_RENDER = "it has notes, not sound: render it with a synthesizer"
_UNPROTECTED = "pass a version without protection"
_SILK = "decode it to WAV with a decoder of SILK"
_SERVER = "perhaps a server answered with it instead of the audio: read it, and download again"

# The kinds of RIFF, by the bytes from the 8th on: name, FFmpeg's demuxer, what to do.
RIFF: dict[bytes, tuple[str, str, str]] = {
    b"WAVE": ("WAV", "wav", ""),
    b"AVI ": ("AVI", "avi", ""),
    b"WEBP": ("an image (WebP)", "", _SOUND),
    b"RMID": ("MIDI", "", _RENDER),
    b"CDDA": ("a reference to a track of a CD, not its sound", "", "copy the track from the CD"),
    b"ACON": ("a mouse pointer", "", _SOUND),
}
# What else begins like MP4, by the bytes from the 8th on: name, what to do.
BRANDS: dict[bytes, tuple[str, str]] = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1"), ("an image (HEIC)", _SOUND)),
    b"avif": ("an image (AVIF)", _SOUND),
    **dict.fromkeys((b"aax ", b"aaxc"), ("an Audible book, protected (DRM)", _UNPROTECTED)),
}
# (offset, magic bytes, name, what to do)
NO_AUDIO: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (0, b"\x1f\x8b\x08", "a gzip archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    *((4, box, PART_OF_MP4, _JOIN) for box in (b"styp", b"sidx", b"moof")),
    (0, b"\x1f\x43\xb6\x75", "a part of WebM without its beginning", _JOIN),
    (0, b"%PDF-", "a PDF document", _SOUND),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office", _SOUND),
    (0, b"\x89PNG", "an image (PNG)", _SOUND),
    (0, b"\xff\xd8\xff", "an image (JPEG)", _SOUND),
    (0, b"GIF8", "an image (GIF)", _SOUND),
    (0, b"II*\x00", "an image (TIFF)", _SOUND),
    (0, b"MM\x00*", "an image (TIFF)", _SOUND),
    (0, b"\x7fELF", "a program", _SOUND),
    (0, b"MZ\x90\x00", "a program", _SOUND),
    (0, b"SQLite format 3\x00", "a database", _SOUND),
    (0, b"\x89HDF\r\n", "an HDF5 file", "pass the array of its samples, with sample_rate="),
    (0, b"PAR1", "a Parquet table", "pass the audio in its cells as bytes"),
    (0, b"\x93NUMPY", "an array of numpy", "pass the array: numpy.load(path), with sample_rate="),
    (0, b"MThd", "MIDI", _RENDER),
    (0, b"IMPM", "a tracker module", _RENDER),
    (0, b"Extended Module:", "a tracker module", _RENDER),
    (0, b"#!SILK", "SILK", _SILK),
    (0, b"\x02#!SILK", "SILK", _SILK),
    (4, b"\x57\x90\x75\x36", "an Audible book, protected (DRM)", _UNPROTECTED),
)
# What text begins with, in lower case: (beginning, name, what to do)
TEXT: tuple[tuple[str, str, str], ...] = (
    (
        "version https://git-lfs.github.com/spec",
        "a Git LFS pointer, not the audio itself",
        "fetch the audio with: git lfs pull",
    ),
    ("#extm3u", "a playlist", _LISTED),
    ("[playlist]", "a playlist", _LISTED),
    ("<asx", "a playlist", _LISTED),
    ("<smil", "a playlist", _LISTED),
    ("ffconcat", "a list of files", _LISTED),
    ("http://", "an address, not the audio", "download the audio, and pass that"),
    ("https://", "an address, not the audio", "download the audio, and pass that"),
    ("v=0\r\no=", "a description of a session (SDP)", "pass the audio of the session"),
    ("v=0\no=", "a description of a session (SDP)", "pass the audio of the session"),
    ("<svg", "an image (SVG)", _SOUND),
    ("<!doctype", "HTML or XML text", _SERVER),
    ("<html", "HTML or XML text", _SERVER),
    ("<head", "HTML or XML text", _SERVER),
    ("<?xml", "HTML or XML text", _SERVER),
    ("{", "text", _SERVER),
    ("", "text", _SOUND),
)
# What tells apart XML: (what it contains, name, what to do)
XML: tuple[tuple[str, str, str], ...] = (
    ("http://xspf.org", "a playlist", _LISTED),
    ("urn:mpeg:dash", "a playlist", _LISTED),
    ("<svg", "an image (SVG)", _SOUND),
)
