package mask

import "encoding/binary"

// gram is how many bytes are looked at at once. Longer ones are rarer in
// ordinary text, shorter ones can be looked for in longer strides.
const gram = 3

// gramSet says at which offsets in the beginnings of texts a gram stands, for
// offsets below maxSpan. It may name too many offsets, never too few.
type gramSet struct {
	bits    [1 << 16 / 64]uint64 // which of offsets are not 0; small, so it stays in the fastest cache
	offsets [1 << 16]uint16
}

// hash spreads the lower three bytes of x over 16 bits.
func hash(x uint32) uint32 { return x << 8 * 0x9e3779b1 >> 16 }

func word(b []byte) uint32 {
	_ = b[2]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}

func (s *gramSet) add(b []byte, offset int) {
	h := hash(word(b))
	s.bits[h/64] |= 1 << (h % 64)
	s.offsets[h] |= 1 << offset
}

// at gives a bit for every offset at which the first gram of b may stand.
func (s *gramSet) at(b []byte) uint16 { return s.offsets[hash(word(b))] }

// test gives 1 when the gram in the lower bytes of x may stand anywhere.
func (s *gramSet) test(x uint32) uint64 {
	h := hash(x)
	return s.bits[h/64] >> (h % 64) & 1
}

// skip goes on from p by strides, four at a time, while no gram there is in the
// set. This is where the time goes.
func (s *gramSet) skip(b []byte, p, stride int) int {
	for p+3*stride+4 <= len(b) {
		x0, x1 := binary.LittleEndian.Uint32(b[p:]), binary.LittleEndian.Uint32(b[p+stride:])
		x2, x3 := binary.LittleEndian.Uint32(b[p+2*stride:]), binary.LittleEndian.Uint32(b[p+3*stride:])
		if s.test(x0)|s.test(x1)|s.test(x2)|s.test(x3) != 0 {
			break
		}
		p += 4 * stride
	}
	return p
}
