package gdict

import "google.golang.org/protobuf/encoding/protowire"

// A scan reads a message whose fields are asked for in the order in which they are written. One that is not next has its
// zero value; what is malformed, repeated, not known or in another order stays in rest.
type scan struct{ rest []byte }

func (s *scan) done() bool { return len(s.rest) == 0 }

// next is the number of the field that is next, if it is less than 16; else something else.
func (s *scan) next() protowire.Number {
	if len(s.rest) == 0 {
		return 0
	}
	return protowire.Number(s.rest[0] >> 3)
}

// at tells whether a field is next; none has the number zero.
func (s *scan) at(number protowire.Number, kind protowire.Type) bool {
	tag := protowire.EncodeTag(number, kind)
	if tag < 0x80 {
		return len(s.rest) > 0 && uint64(s.rest[0]) == tag && number != 0
	}
	return len(s.rest) > 1 && uint64(s.rest[0]) == tag&0x7f|0x80 && uint64(s.rest[1]) == tag>>7
}

func (s *scan) varint(number protowire.Number) uint64 {
	if !s.at(number, protowire.VarintType) {
		return 0
	}
	tag := protowire.SizeTag(number)
	v, n := protowire.ConsumeVarint(s.rest[tag:])
	if n < 0 {
		return 0
	}
	s.rest = s.rest[tag+n:]
	return v
}

func (s *scan) fixed64(number protowire.Number) uint64 {
	if !s.at(number, protowire.Fixed64Type) {
		return 0
	}
	tag := protowire.SizeTag(number)
	v, n := protowire.ConsumeFixed64(s.rest[tag:])
	if n < 0 {
		return 0
	}
	s.rest = s.rest[tag+n:]
	return v
}

// bytes returns a part of the message, nil for an empty one.
func (s *scan) bytes(number protowire.Number) []byte {
	if !s.at(number, protowire.BytesType) {
		return nil
	}
	tag := protowire.SizeTag(number)
	v, n := protowire.ConsumeBytes(s.rest[tag:])
	if n < 0 {
		return nil
	}
	s.rest = s.rest[tag+n:]
	if len(v) == 0 {
		return nil
	}
	return v[:len(v):len(v)]
}

// A field that has its zero value is not written.

func sizeVarint(number protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(number) + protowire.SizeVarint(v)
}

func sizeBytes(number protowire.Number, v []byte) int {
	if len(v) == 0 {
		return 0
	}
	return protowire.SizeTag(number) + protowire.SizeBytes(len(v))
}

func appendVarint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

func appendField(b []byte, number protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}
