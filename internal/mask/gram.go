package mask

import "encoding/binary"

// gram is how many bytes are looked at at once. Longer ones are rarer in
// ordinary text, shorter ones can be looked for in longer strides.
const gram = 3

// gramSet says at which offsets in the beginnings of texts a gram stands, for
// offsets below maxSpan. It may name too many offsets, never too few.
type gramSet struct {
	some    [1 << 15]uint8 // 1 where offsets is not 0; small, so it stays in the fastest cache
	offsets [1 << 15]uint16
}

// hash spreads the lower three bytes of x over 15 bits.
func hash(x uint32) uint32 { return x << 8 * 0x9e3779b1 >> 17 }

func word(b []byte) uint32 {
	_ = b[2]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}

func (s *gramSet) add(b []byte, offset int) {
	h := hash(word(b))
	s.some[h] = 1
	s.offsets[h] |= 1 << offset
}

// at gives a bit for every offset at which the first gram of b may stand.
func (s *gramSet) at(b []byte) uint16 { return s.offsets[hash(word(b))] }

// test gives 1 when the gram in the lower bytes of x may stand anywhere.
func (s *gramSet) test(x uint32) uint8 { return s.some[hash(x)] }

// skip goes on from p by strides, four at a time, while no gram there is in the
// set. This is where the time goes.
func (s *gramSet) skip(b []byte, p, stride int) int {
	if stride == 2 {
		return s.skip2(b, p)
	}
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

// skip2 is skip for the shortest texts, which need the shortest strides: it
// reads eight bytes for three grams.
func (s *gramSet) skip2(b []byte, p int) int {
	for p+14 <= len(b) {
		x, y := binary.LittleEndian.Uint64(b[p:]), binary.LittleEndian.Uint64(b[p+6:])
		if s.test(uint32(x))|s.test(uint32(x>>16))|s.test(uint32(x>>32))|s.test(uint32(y))|s.test(uint32(y>>16))|s.test(uint32(y>>32)) != 0 {
			break
		}
		p += 12
	}
	return p
}
