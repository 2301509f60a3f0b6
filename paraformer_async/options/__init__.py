"""
The nouns of a question: parameters and models of the service, options and policies of the client.

Ground floor: imports only results and errors of ours.
"""
