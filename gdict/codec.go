package gdict

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// wireVersion is the one version of operations, commands, replies and snapshots that this code writes and reads.
const wireVersion = 1

// A command is an operation as the log holds it: with the limits of the leader that admitted it. With err set it could
// not be decoded, and err says why.
type command struct {
	op     op
	limits limits
	err    error
}

func encodeCommand(op []byte, l limits) []byte {
	return marshal(&wire.Command{
		Version: wireVersion,
		Op:      op,
		Limits: &wire.Limits{
			Key: l.key, Value: l.value, Total: l.total, Reserve: l.reserve, Prefix: []byte(l.prefix), Ops: l.ops, Txn: l.txn,
		},
	})
}

// decodeCommand never fails: what cannot be decoded is a command to refuse, the same on every member.
func decodeCommand(b []byte) command {
	m := &wire.Command{}
	switch err := proto.Unmarshal(b, m); {
	case err != nil:
		return command{err: &RefusedError{Problem: "malformed command"}}
	case m.GetVersion() != wireVersion:
		return command{err: &RefusedError{Problem: fmt.Sprintf("command version %d is not supported", m.GetVersion())}}
	case m.GetLimits() == nil:
		return command{err: &RefusedError{Problem: "command without limits"}}
	}
	o, err := decodeOp(m.GetOp())
	l := m.GetLimits()
	return command{op: o, err: err, limits: limits{
		key: l.GetKey(), value: l.GetValue(), total: l.GetTotal(), reserve: l.GetReserve(), prefix: string(l.GetPrefix()),
		ops: l.GetOps(), txn: l.GetTxn(),
	}}
}

// marshal encodes a message of this package, none of which can fail to encode: they have no strings from outside but
// those of RefusedError and ValueError, which marshalled text of our own.
func marshal(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("gdict: cannot encode %T: %v", m, err))
	}
	return b
}
