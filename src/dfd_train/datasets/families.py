"""From the name of a forgery method to its family."""

_METHODS = {
    "swap": (
        "blendface celeb-df celeb-df-v1 celeb-df-v2 deepfacelab deepfacelive deepfakedetection deepfakes df-vae dfdc "
        "faceshifter faceswap fakeapp fsgan ghost hififace inswapper megafs mobilefaceswap roop simswap uniface"
    ),
    "reenactment": (
        "dagan face2face facereenact first-order-motion fomm fsrt hyperreenact icface lia liveportrait mcnet "
        "neuraltextures tpsmm"
    ),
    "lipsync": (
        "anitalker echomimic edtalk float ip_lap makeittalk real3dportrait sadtalker talkingface videoretalking wav2lip"
    ),
    "synthesis": "diffusion progan stylegan stylegan2 stylegan3",
}
_FAMILY_OF = {method: family for family, methods in _METHODS.items() for method in (family, *methods.split())}


def family_of(method: str) -> str:
    """The family of a method, or of a folder named after a family or a scenario of Celeb-DF++.

    Args:
        method: in any case.

    Returns:
        ``swap``, ``reenactment``, ``lipsync`` (any face driven by sound), ``synthesis``, or ``unknown``.
    """
    return _FAMILY_OF.get(method.lower(), "unknown")
