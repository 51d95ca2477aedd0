"""The parts of a page as plain functions: words and numbers in, safe HTML out.

None knows what the words mean. None prints a style attribute or a script: the Content-Security-Policy
allows neither. `templatetags/ui.py` gives them to templates; Python may call them too.
"""
