package remoting

import (
	"fmt"
	"time"
)

// outcome of a bare TCP connect.
type outcome uint8

// The outcomes of a dial.
const (
	accepted    outcome = iota // somebody listens there
	refusedDial                // the host answered that nobody listens there
	failedDial                 // no answer in time, or no way there
	resetDial                  // cut while it was made: the listener is just being closed
)

func (o outcome) String() string { return [...]string{"accepted", "refused", "failed", "reset"}[o] }

// loss says why a session ended.
type loss uint8

// The reasons for which a session ends.
const (
	loseRefused  loss = iota // nobody, or another process, listens at its address: the process is gone
	loseSilent               // it could not be reached, or it dropped the link itself
	loseBye                  // it said goodbye
	loseReplaced             // a newer incarnation has joined under its name, elsewhere
)

func (w loss) String() string { return [...]string{"refused", "silent", "bye", "replaced"}[w] }

// An event is something that happened to one link.
type event interface {
	fmt.Stringer
	event()
}

// The events of a link.
type (
	// Named is discovery's word: where the peer is; "" when it no longer names it.
	Named struct{ Addr string }
	// Dialled answers Dial.
	Dialled struct {
		Gen     uint64
		Outcome outcome
	}
	// Expired answers Arm.
	Expired struct{ Gen uint64 }
	// Hello arrived from the peer over inbound connection In.
	Hello struct {
		Incarnation, Session         uint64
		SeenIncarnation, SeenSession uint64 // what the peer knows of us
		Up                           bool   // the peer holds this session for established
		Addr                         string
		In                           uint64
		Challenge                    uint64 // to be repeated by a refusal
	}
	// Ping arrived; Addr is what the inbound connection says the sender's address is.
	Ping struct {
		Incarnation, Nonce uint64
		Addr               string
		In                 uint64
	}
	// Pong arrived.
	Pong struct{ Incarnation, Nonce, In uint64 }
	// Bye arrived: the peer closes its links.
	Bye struct{ Incarnation, In uint64 }
	// RefusedUs arrived: the peer does not want this link.
	RefusedUs struct{ Challenge uint64 }
	// ReplacedUs arrived: the peer has met another process under our name.
	ReplacedUs struct{ Incarnation, Challenge uint64 }
	// OutLost says that our present connection to Addr ended.
	OutLost struct{ Addr string }
	// InLost says that an inbound connection ended.
	InLost struct{ In uint64 }
)

func (Named) event()      {}
func (Dialled) event()    {}
func (Expired) event()    {}
func (Hello) event()      {}
func (Ping) event()       {}
func (Pong) event()       {}
func (Bye) event()        {}
func (RefusedUs) event()  {}
func (ReplacedUs) event() {}
func (OutLost) event()    {}
func (InLost) event()     {}

func (e Named) String() string   { return fmt.Sprintf("named addr=%q", e.Addr) }
func (e Dialled) String() string { return fmt.Sprintf("dialled gen=%d %s", e.Gen, e.Outcome) }
func (e Expired) String() string { return fmt.Sprintf("expired gen=%d", e.Gen) }
func (e Hello) String() string {
	return fmt.Sprintf("hello from=%d/%d seen=%d/%d up=%t addr=%s in=%d",
		e.Incarnation, e.Session, e.SeenIncarnation, e.SeenSession, e.Up, e.Addr, e.In)
}

func (e Ping) String() string {
	return fmt.Sprintf("ping from=%d nonce=%d addr=%s in=%d", e.Incarnation, e.Nonce, e.Addr, e.In)
}

func (e Pong) String() string {
	return fmt.Sprintf("pong from=%d nonce=%d in=%d", e.Incarnation, e.Nonce, e.In)
}
func (e Bye) String() string       { return fmt.Sprintf("bye from=%d in=%d", e.Incarnation, e.In) }
func (e RefusedUs) String() string { return fmt.Sprintf("refused-us challenge=%d", e.Challenge) }
func (e ReplacedUs) String() string {
	return fmt.Sprintf("replaced-us from=%d challenge=%d", e.Incarnation, e.Challenge)
}
func (e OutLost) String() string { return fmt.Sprintf("out-lost addr=%s", e.Addr) }
func (e InLost) String() string  { return fmt.Sprintf("in-lost in=%d", e.In) }

// An effect is something to do about a link.
type effect interface {
	fmt.Stringer
	effect()
}

// The effects of a link.
type (
	// Dial tries a bare TCP connect; answered by Dialled.
	Dial struct {
		Addr    string
		Timeout time.Duration
		Gen     uint64
	}
	// Arm starts the link's one timer, replacing what it was set to; answered by Expired.
	Arm struct {
		After time.Duration
		Gen   uint64
	}
	// SendHello says who we are, our session, and what we have seen of the peer.
	SendHello struct {
		Addr                                  string
		Session, SeenIncarnation, SeenSession uint64
		Up                                    bool
		Challenge                             uint64 // 0: a refusal of this hello is not listened to
	}
	// SendPing asks that incarnation for a Pong.
	SendPing struct {
		Addr               string
		Incarnation, Nonce uint64
	}
	// SendPong answers a Ping.
	SendPong struct {
		Addr               string
		Incarnation, Nonce uint64
	}
	// SendReplaced tells a process that another one has taken its name since, so it gets no link.
	SendReplaced struct {
		Addr                   string
		Incarnation, Challenge uint64
	}
	// TellReplaced calls the link handler: a peer of that incarnation has met another process under our name.
	TellReplaced struct{ Incarnation uint64 }
	// Admit lets Send through, to that address and incarnation.
	Admit struct {
		Addr        string
		Incarnation uint64
	}
	// Bar stops Send.
	Bar struct{}
	// Forget drops our connection to Addr and whatever waits in it.
	Forget struct{ Addr string }
	// TellUp calls the link handler.
	TellUp struct{ Incarnation uint64 }
	// TellDown calls the link handler.
	TellDown struct {
		Incarnation uint64
		Why         loss
	}
)

func (Dial) effect()         {}
func (Arm) effect()          {}
func (SendHello) effect()    {}
func (SendPing) effect()     {}
func (SendPong) effect()     {}
func (SendReplaced) effect() {}
func (TellReplaced) effect() {}
func (Admit) effect()        {}
func (Bar) effect()          {}
func (Forget) effect()       {}
func (TellUp) effect()       {}
func (TellDown) effect()     {}

func (e Dial) String() string {
	return fmt.Sprintf("dial addr=%s timeout=%s gen=%d", e.Addr, e.Timeout, e.Gen)
}
func (e Arm) String() string { return fmt.Sprintf("arm after=%s gen=%d", e.After, e.Gen) }
func (e SendHello) String() string {
	s := fmt.Sprintf("send-hello addr=%s session=%d seen=%d/%d up=%t", e.Addr, e.Session, e.SeenIncarnation, e.SeenSession, e.Up)
	if e.Challenge != 0 {
		s += " challenge"
	}
	return s
}

func (e SendPing) String() string {
	return fmt.Sprintf("send-ping addr=%s to=%d nonce=%d", e.Addr, e.Incarnation, e.Nonce)
}

func (e SendPong) String() string {
	return fmt.Sprintf("send-pong addr=%s to=%d nonce=%d", e.Addr, e.Incarnation, e.Nonce)
}

func (e SendReplaced) String() string {
	return fmt.Sprintf("send-replaced addr=%s to=%d challenge=%d", e.Addr, e.Incarnation, e.Challenge)
}
func (e TellReplaced) String() string { return fmt.Sprintf("tell-replaced by=%d", e.Incarnation) }
func (e Admit) String() string        { return fmt.Sprintf("admit addr=%s to=%d", e.Addr, e.Incarnation) }
func (Bar) String() string            { return "bar" }
func (e Forget) String() string       { return fmt.Sprintf("forget addr=%s", e.Addr) }
func (e TellUp) String() string       { return fmt.Sprintf("tell-up incarnation=%d", e.Incarnation) }

func (e TellDown) String() string {
	return fmt.Sprintf("tell-down incarnation=%d why=%s", e.Incarnation, e.Why)
}
