"""The language of questions that a data node answers: frozen values, pure Python, no input or output.

A question can be shown to a committee, checked against a permit, journalled and asked again years later,
because it is a value: equal questions are equal, hash equally and have one canonical form on the wire.
"""
