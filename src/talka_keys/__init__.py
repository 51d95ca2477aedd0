"""The key server of the pseudonyms: it evaluates an oblivious function and never learns of whom.

Nothing else may live with the key: no data, no hub, no node.
"""
