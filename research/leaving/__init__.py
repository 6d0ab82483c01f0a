"""What happens to what already left when somebody withdraws: asked back, destroyed, and told to who withdrew.

`crowds` is what a release leaves behind for this, `telling` the worker's, `attesting` the recipient's, `told` what
patients and the desk read. Nothing heavy is loaded here.
"""
