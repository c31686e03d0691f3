package remoting

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
)

// The kinds that links use among themselves. None may be registered by Handle.
const (
	kindHello       = "link.hello"
	kindPing        = "link.ping"
	kindPong        = "link.pong"
	kindBye         = "link.bye"
	kindRefused     = "link.refused"
	kindReplaced    = "link.replaced"
	kindUnsupported = "unsupported" // body: the kind that was not understood
)

// kindProcess carries calls, monitors and messages between actors. It is nobody's to register.
const kindProcess = "process"

const (
	maxName = 256 // bytes of a member's name, a cluster's name, or a kind
	maxWord = 4096
)

func reserved(kind string) bool { return strings.HasPrefix(kind, "link.") || kind == kindUnsupported }

// helloBody is JSON on the wire: a later version may add fields, and an older reader ignores them.
type helloBody struct {
	Cluster         string `json:"cluster"`
	Addr            string `json:"addr"`
	Session         uint64 `json:"session"`
	SeenIncarnation uint64 `json:"seen_incarnation"`
	SeenSession     uint64 `json:"seen_session"`
	Up              bool   `json:"up"`
	Challenge       uint64 `json:"challenge,omitempty"`
}

// refusalBody is JSON: why a hello is turned away, and what shows that the hello was received.
type refusalBody struct {
	Why       string `json:"why,omitempty"`
	Challenge uint64 `json:"challenge,omitempty"`
}

func (r refusalBody) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a string and a number always encode
	}
	return b
}

func decodeRefusal(b []byte) (r refusalBody, ok bool) {
	if len(b) > maxWord || json.Unmarshal(b, &r) != nil {
		return refusalBody{}, false
	}
	r.Why = r.Why[:min(len(r.Why), 2*maxName)]
	return r, true
}

var errBadHello = errors.New("remoting: malformed hello")

func (h helloBody) encode() []byte {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings, numbers and a bool always encode
	}
	return b
}

func decodeHello(b []byte) (helloBody, error) {
	var h helloBody
	if len(b) > maxWord {
		return h, fmt.Errorf("%w: %d bytes", errBadHello, len(b))
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return helloBody{}, fmt.Errorf("%w: %w", errBadHello, err)
	}
	if host, port, err := net.SplitHostPort(h.Addr); err != nil || host == "" || port == "" || len(h.Addr) > maxName {
		return helloBody{}, fmt.Errorf("%w: addr %.40q", errBadHello, h.Addr)
	}
	return h, nil
}

func encodeNonce(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func decodeNonce(b []byte) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}
