"""The data node: one process that a hospital or biobank runs beside its own data.

Data never leaves. Questions come in, `engines` answer them inside the consent of each donor, and nothing goes out but
through `disclosure`. It knows nothing of the hub.
"""
