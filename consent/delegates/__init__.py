"""Who acts for a patient: asked, agreed, signed; what they may do in the patient's name; what is kept from them.

Each line on the log says who acted, and for whom. What they open, they open through `consent.access`.
"""
