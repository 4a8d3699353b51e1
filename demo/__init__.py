"""The demo: real flights, real models and a client, to show Hyperplan at work on one machine.

The pieces here know nothing of Envoy or of the sidecar: flights are data, a model server speaks TensorFlow Serving's
REST API as any other would, and so does the client. What puts Hyperplan between them is the orchestration alone.
"""
