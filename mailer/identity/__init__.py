"""Who the app is: from its own identity to a token for Graph.

entra       asks Microsoft Entra for tokens by secret, certificate or federation
tokens      keeps a token, and takes a rotated secret
key_vault   reads the secret
network     how the SDKs may use the network, and what it means when they get no answer
"""
