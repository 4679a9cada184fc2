"""Which of many ids were seen."""


class IdBitSet:
    """A bit each, so that those of millions of rows fit into memory."""

    def __init__(self):
        self._bits = bytearray()

    def add(self, number: int) -> bool:
        """Mark it; whether it was marked before."""
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte - len(self._bits) + 4096))
        was = bool(self._bits[byte] & bit)
        self._bits[byte] |= bit
        return was

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & (1 << (number & 7)))
