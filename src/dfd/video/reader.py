"""A container and its decoder, opened so that nothing but the one file is ever read."""

import errno
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from dfd.errors import MediaNotFound, NotAFile, NoVideoStream, UnreadableVideo, UnsupportedCodec
from dfd.processors import available_cpus
from dfd.video.limits import MediaLimits

VIDEO_FORMATS = "mov,matroska,webm,avi,asf,flv,mpegts,mpeg,mpegvideo,ogg,mxf,nut,ivf,dv,rm,m4v,mjpeg,h264,hevc,obu"
PICTURE_FORMATS = "gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,j2k_pipe,qoi_pipe"
SOUND_FORMATS = "wav,mp3,aac,ac3,flac,aiff,caf,amr"
"""Formats that are opened. All hold their media themselves: playlists, manifests, concatenation scripts, picture
sequences and network descriptions, which name other files, are refused. Sound is recognised in order to say so."""

_COVER = Disposition.attached_pic | Disposition.timed_thumbnails
_IO_BUFFER_BYTES = 256 * 1024
_MOST_THREADS = 8
_PIXELS_IN_FLIGHT = 40_000_000
"""Bound on threads times pixels: every decoder thread holds a frame. 4K gets 4 threads and stays under 350 MB."""


if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]
else:
    VideoPacket = Packet  # takes its parameter only while types are checked


class StreamDamaged(Exception):
    """The decoder met bytes that it cannot decode."""


class StreamReader:
    """The packets and frames of a file's main video stream. For one thread at a time.

    Attributes:
        stream: the main video stream.
        damaged: whether reading broke off before the end of the file.
        starved: whether a decoder or a container asked for memory that there is not.
    """

    def __init__(
        self, path: Path, limits: MediaLimits, threads: int, open_again: Callable[[], FileIO] | None = None
    ) -> None:
        """Open a file.

        Args:
            path: the file.
            limits: what is refused.
            threads: decoder threads; 0 for one for each processor that this process may use.
            open_again: gives the file's bytes from the first on, each time anew; None opens `path`.

        Raises:
            MediaNotFound, NotAFile, UnreadableVideo, NoVideoStream, UnsupportedCodec, MediaTooLarge
        """
        self._path = path
        self._limits = limits
        self._threads = threads
        self._open_file = open_again or (lambda: open_media(path))
        self.damaged = False
        self.starved = False
        self._file, self._container = self._open()

    @property
    def name(self) -> str:
        """The file's name without its folders, fit for messages."""
        return self._path.name

    @property
    def container(self) -> InputContainer:
        """The open container."""
        return self._container

    def next_packet(self) -> VideoPacket | None:
        """The stream's next packet; None at the end, or where the file cannot be read on."""
        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            self._note(error)
            self.damaged = True
            return None
        if packet is None or (packet.size == 0 and packet.dts is None):
            return None
        if packet.is_corrupt:
            self.damaged = True
            return None
        return packet

    def decode(self, packet: VideoPacket | None) -> list[VideoFrame]:
        """Feed a packet, or None to get out every frame still held; what comes out is in presentation order.

        Raises:
            StreamDamaged: the packet cannot be decoded.
        """
        try:
            return self.stream.codec_context.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            self._note(error)
            raise StreamDamaged(str(error)) from error

    def flush(self) -> None:
        """Make the decoder forget what it has seen; needed after ``decode(None)`` and before a jump."""
        self.stream.codec_context.flush_buffers()

    def seek(self, ticks: int) -> bool:
        """Go to a key frame at or before a time, as far as the container can tell; False where it cannot seek."""
        try:
            self._container.seek(ticks, backward=True, stream=self.stream)
        except (av.FFmpegError, OSError):
            return False
        self._packets = self._container.demux(self.stream)
        return True

    def rewind(self) -> None:
        """Go back to the very first packet, by opening the file anew: not every format can seek there."""
        self.close()
        self.damaged = False
        self._file, self._container = self._open()

    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""
        self._container.close()
        self._file.close()

    def _note(self, error: Exception) -> None:
        self.starved = self.starved or getattr(error, "errno", None) == errno.ENOMEM

    def _open(self) -> tuple[FileIO, InputContainer]:
        file = self._open_file()
        try:
            container = self._open_container(file)
        except BaseException:
            file.close()
            raise
        try:
            self.stream = self._main_stream(container)
            self._set_up_decoder(container)
        except BaseException:
            container.close()
            file.close()
            raise
        self._packets = container.demux(self.stream)
        return file, container

    def _open_container(self, file: FileIO) -> InputContainer:
        try:
            return av.open(
                file,
                mode="r",
                options={"max_pixels": str(self._limits.max_pixels)},
                container_options={"format_whitelist": f"{VIDEO_FORMATS},{PICTURE_FORMATS},{SOUND_FORMATS}"},
                metadata_errors="replace",
                buffer_size=_IO_BUFFER_BYTES,
                io_open=_refuse_other_files,
            )
        except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
            self._note(error)
            raise UnreadableVideo(
                f"{self.name} is not a video that can be read: it is damaged, cut off or of another kind; "
                "check that it plays, or export it again as MP4"
            ) from error

    def _main_stream(self, container: InputContainer) -> VideoStream:
        """The stream a player would show: never a cover picture where there is anything else."""
        videos = container.streams.video
        if not videos:
            raise NoVideoStream(f"{self.name} holds no picture, only sound or data; give a file with a video stream")
        films = [stream for stream in videos if not stream.disposition & _COVER] or list(videos)
        decodable = [stream for stream in films if stream.codec_context is not None]
        if not decodable:
            raise UnsupportedCodec(f"{self.name}: there is no decoder for its video; convert it to H.264 in MP4")
        best = container.streams.best("video")
        main = next((stream for stream in decodable if best is not None and stream.index == best.index), decodable[0])
        # beside tiles there may be a small preview, which is not the photograph either
        if not main.disposition & Disposition.default and any(
            film.disposition & Disposition.dependent for film in films
        ):
            raise UnsupportedCodec(
                f"{self.name} is a photograph stored as tiles (HEIC), which are not put together here; "
                "convert it to JPEG or PNG"
            )
        return main

    def _set_up_decoder(self, container: InputContainer) -> None:
        for other in container.streams:
            if other.index != self.stream.index:
                other.discard = Discard.all
        context = self.stream.codec_context
        self._limits.check_size(self.name, context.width, context.height)
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        context.thread_type = "AUTO"
        wanted = self._threads or min(available_cpus(), _MOST_THREADS)
        context.thread_count = max(1, min(wanted, _PIXELS_IN_FLIGHT // max(1, context.width * context.height)))


def open_media(path: Path) -> FileIO:
    """Open for reading, without the name: FFmpeg would take some names for a protocol, a format or a pattern.

    Raises:
        MediaNotFound, NotAFile, UnreadableVideo: there is no file that could be read.
    """
    if not path.exists():
        raise MediaNotFound(f"{path.name}: there is no such file")
    if not path.is_file():
        raise NotAFile(f"{path.name or path} is not a file; name a single video or picture")
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideo(f"{path.name} is empty; copy or upload it again")
        return FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise UnreadableVideo(f"{path.name} cannot be opened: {error.strerror}") from error


def _refuse_other_files(url: str, flags: int, options: dict[str, str]) -> NoReturn:  # noqa: ARG001 - PyAV's signature
    """What FFmpeg gets when a container asks for a further file."""
    raise PermissionError("a media file may not open other files")
