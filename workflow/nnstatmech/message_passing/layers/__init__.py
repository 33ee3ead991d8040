"""The rules that a layer of weights can follow, one module each; :mod:`..network` puts layers together."""
