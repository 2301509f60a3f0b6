"""
Facts of the service that are not a row of a table, each stated once.

Imports nothing of this package. Sources, all of Alibaba Cloud Model Studio:

- [API] Paraformer real-time speech recognition, WebSocket API
- [SDK] Paraformer real-time speech recognition, Python SDK
- [LIMITS] Rate limits
- [CONTEXT] Real-time speech recognition, context biasing
- [WORDS] Custom hot words
- [SEEN] observed, and not documented
"""

from typing import Final

# Where the service is [API]
BEIJING: Final = "cn-beijing"
SINGAPORE: Final = "ap-southeast-1"
GATEWAYS: Final = {  # the hosts that all workspaces share, by region
    BEIJING: "dashscope.aliyuncs.com",
    SINGAPORE: "dashscope-intl.aliyuncs.com",
}
WORKSPACE_DOMAIN: Final = "maas.aliyuncs.com"  # below it: {workspace}.{region}
SOCKET_PATH: Final = "/api-ws/v1/inference"
HTTP_PATH: Final = "/api/v1"
TOKENS_PATH: Final = "/tokens"  # below `HTTP_PATH`
CUSTOMIZATION_PATH: Final = "/services/audio/asr/customization"  # hot words
CUSTOMIZATION_MODEL: Final = "speech-biasing"
# Regular expressions of the vendor's client [SEEN]
WORKSPACE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
REGION: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

# Clocks, in seconds
MESSAGE_TIMEOUT: Final = 23.0  # a task without a message from the client fails [SEEN]
SILENCE_TIMEOUT: Final = 60.0  # a task without speech fails, unless `heartbeat` [API]
IDLE_TIMEOUT: Final = 60.0  # a connection without a task is closed [API]

# Quota: tasks started per account and model, unless the row of the model differs [LIMITS]
TASKS_PER_MINUTE: Final = 1200

# Audio
FORMATS: Final = ("pcm", "wav", "mp3", "opus", "speex", "aac", "amr")  # [API]
UNCOMPRESSED: Final = ("pcm", "wav")  # those whose bytes can be converted to time
COMPRESSED: Final = ("mp3", "opus", "speex", "aac", "amr")  # those whose packets are known here
ENCODINGS: Final = ("mulaw", "alaw")  # not of the service: we convert them to pcm
TELEPHONY_RATE: Final = 8000  # Hz, of these encodings (ITU-T G.711)
MOST_CHANNELS: Final = 64  # that we take apart or mix; the service takes mono [API]
SAMPLE_RATE: Final = 16000  # Hz, what is assumed when neither the user nor the model names one
# Hz. "Any rate" [API]; outside of this no audio format has one, and no decoder of ours works.
SAMPLE_RATES: Final = range(1000, 384_001)
FRAME_MS: Final = 100  # the advised length of a frame [SDK]
FRAME_MS_ALLOWED: Final = range(20, 201)  # what we let users choose around that
SMALLEST_FRAME: Final = 1024  # bytes, the advised size is 1 KB to 16 KB [SDK]
LARGEST_FRAME: Final = 16 * 1024

# Sentences, in ms
SENTENCE_SILENCE: Final = range(200, 6001)  # allowed values of `max_sentence_silence` [SDK]
DEFAULT_SENTENCE_SILENCE: Final = 800  # [SDK]; the WebSocket pages have 1300
SEMANTIC_SENTENCE_SILENCE: Final = 2000  # ends a sentence despite semantic punctuation [SEEN]

# Conversation context, `payload.input.context` [CONTEXT]
CONTEXT_MESSAGES: Final = 5  # the latest ones that count, for each role
CONTEXT_CHARACTERS: Final = 400  # for each round; the service cuts the rest off

# Codes with which a task fails that received no speech [SEEN]
NO_SPEECH: Final = ("NO_VALID_AUDIO_ERROR", "NO_INPUT_AUDIO_ERROR")

# Hot words of the call, `vocabulary` [CONTEXT]
VOCABULARY_WORDS: Final = 2000
VOCABULARY_WEIGHTS: Final = range(1, 6)
SUPER_WEIGHT: Final = 50
SUPER_WORDS: Final = 50  # words that may have `SUPER_WEIGHT`

# Hot words in lists, `vocabulary_id` [WORDS]
VOCABULARY_LISTS: Final = 10  # for each account
LISTED_WORDS: Final = 500  # for each list, for Paraformer; `VOCABULARY_WORDS` for later models
LISTED_WORD_CHARACTERS: Final = 15  # of a word with any non-ASCII character
LISTED_WORD_TOKENS: Final = 7  # space-separated, of a word in ASCII
VOCABULARY_PREFIX: Final = r"[a-z0-9]{1,9}"  # of the id, a regular expression
VOCABULARY_UPDATE_INTERVAL: Final = 300.0  # seconds between two updates of a list

FILTERED_WORDS: Final = 32  # for each list of `special_word_filter` [API]
NOISE_THRESHOLDS: Final = (-1.0, 1.0)  # lowest and highest `speech_noise_threshold` [API]

TEMPORARY: Final = "st-"  # a temporary token, which takes the place of a key, begins so [API]
TOKEN_SECONDS: Final = range(1, 1801)  # lifetime of a temporary token; 60 when not given [API]
