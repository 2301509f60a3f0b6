"""
The account beside the recognition, over HTTP: temporary tokens and lists of hot words.

    async with VocabularyClient() as hot_words:
        vocabulary = await hot_words.ensure({"Paraformer": 4})

    AsyncRecognizer(vocabulary_id=vocabulary.vocabulary_id, api_key=TemporaryToken())

It uses the same addresses, proxies, TLS settings, redaction and errors as the recognizer, and knows
nothing about recognitions. `LocalServer` answers all of it.
"""

from paraformer_async.account.access import AccessOptions
from paraformer_async.account.lists import Vocabulary, VocabularySummary
from paraformer_async.account.tokens import IssuedToken, TemporaryToken, create_temporary_token
from paraformer_async.account.vocabulary import VocabularyClient
from paraformer_async.options.vocabulary import HotWord, HotWords

__all__ = [
    "AccessOptions",
    "HotWord",
    "HotWords",
    "IssuedToken",
    "TemporaryToken",
    "Vocabulary",
    "VocabularyClient",
    "VocabularySummary",
    "create_temporary_token",
]
