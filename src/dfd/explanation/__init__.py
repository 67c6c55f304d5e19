"""Why the model answers as it does, face by face: maps, evidence by region, and the pictures of both.

::

    place of a face in a report -> find_face -> Curtain (parts of the crop hidden) -> model
                                -> HeatMapper (a map) or region_evidence (six numbers) -> drawing (PNG)

It asks nothing but scores of the model, so it works with any backend and needs no training framework.
"""
