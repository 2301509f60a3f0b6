"""
What a file is, and where its audio begins and ends, determined from its bytes alone.

Nothing is decoded here, and no library asked.
"""
