package remoting

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers what boundedCodec adds to
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxFields bounds the fields of one message. Ours have two for each of at most 128 envelopes, and a few more. An empty
// envelope has two bytes on the wire and over a hundred in memory.
const maxFields = 2048

var errFields = errors.New("remoting: too many fields in one message")

// boundedCodec is gRPC's own for protobuf, but counts the fields of a message before it is decoded.
type boundedCodec struct{ encoding.CodecV2 }

func newCodec() boundedCodec { return boundedCodec{encoding.GetCodecV2("proto")} }

// Unmarshal decodes data into v.
func (boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, is := v.(proto.Message)
	if !is {
		return fmt.Errorf("remoting: %T is no protobuf message", v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	left := maxFields
	if err := countFields(buf.ReadOnlyData(), m.ProtoReflect().Descriptor(), &left); err != nil {
		return err
	}
	return proto.Unmarshal(buf.ReadOnlyData(), m)
}

// countFields takes the fields of an encoded message, and of the messages in it, from left.
func countFields(b []byte, d protoreflect.MessageDescriptor, left *int) error {
	for len(b) > 0 {
		if *left--; *left < 0 {
			return errFields
		}
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return protowire.ParseError(n)
		}
		if f := d.Fields().ByNumber(num); f != nil && f.Message() != nil && typ == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(b)
			if err := countFields(inner, f.Message(), left); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}
