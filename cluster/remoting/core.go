package remoting

import "time"

// Phase says where a link is.
type Phase uint8

// The phases of a link, in the order in which a link runs through them.
const (
	Down     Phase = iota // nothing is known to listen, or nobody is expected
	Dialling              // a bare TCP connect is under way
	Greeting              // we said hello and wait for a hello that has seen ours
	Up                    // both directions have carried a hello of the present sessions
	Checking              // a connection was lost; is the process still there?
)

func (p Phase) String() string {
	return [...]string{"down", "dialling", "greeting", "up", "checking"}[p]
}

const (
	dialTimeout     = 200 * time.Millisecond // a probe of a peer that is down
	recheckTimeout  = 100 * time.Millisecond // a probe of a peer whose connection was just lost
	greetingTimeout = 500 * time.Millisecond // from our hello to theirs
	refusedPause    = 2 * time.Second        // before greeting again who has refused us
	probeMin        = 100 * time.Millisecond // between probes of a peer that is down, jittered
	probeMax        = 250 * time.Millisecond
	keptRetired     = 8 // incarnations remembered as replaced, per name
)

// recheckWaits are the pauses between the tries of a check. Their sum bounds a check: 300 ms, and one dial.
var recheckWaits = [...]time.Duration{
	1 * time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond,
	15 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 180 * time.Millisecond,
}

// A Link is the state of the link to the peer of one name. The zero Link, given Self, is Down with no known address.
type Link struct {
	Self    uint64 // our incarnation
	Phase   Phase
	Known   string // where discovery says the peer is; "" while it does not name it
	Gen     uint64 // counts asynchronous steps; answers to an earlier one are stale
	Session uint64 // ours; rises with each LinkDown
	Seed    uint64 // of the jitter

	Incarnation uint64   // the peer's, as of its last accepted hello
	Theirs      uint64   // the peer's session, as of its last accepted hello
	Addr        string   // where the peer says it is; what is sent goes there
	In          uint64   // the inbound connection that carries the peer's messages; only a newer one may take over
	Try         int      // pauses made in this check
	Retired     []uint64 // incarnations that a newer one has replaced
	Doubted     bool     // that incarnation was told silent; its end is told if its port refuses later
}

// Accepts reports whether a message of that incarnation, come over that inbound connection, belongs to the present
// session, and moves the link to a newer connection.
func (l *Link) Accepts(incarnation, in uint64) bool {
	if l.Phase != Up && l.Phase != Checking || incarnation != l.Incarnation || in < l.In {
		return false
	}
	l.In = in
	return true
}

// Step absorbs one event and returns the next state and what to do about it, in order.
func Step(l Link, ev Event) (Link, []Effect) {
	switch ev := ev.(type) {
	case Named:
		return l.named(ev)
	case Dialled:
		return l.dialled(ev)
	case Expired:
		return l.expired(ev)
	case Hello:
		return l.hello(ev)
	case Ping:
		return l.ping(ev)
	case Pong:
		return l.pong(ev)
	case Bye:
		if l.Accepts(ev.Incarnation, ev.In) {
			return l.lose(LoseBye)
		}
	case RefusedUs:
		if l.Phase == Greeting {
			return l.rest(refusedPause)
		}
	case OutLost:
		return l.outLost(ev)
	case InLost:
		if l.Phase == Up && ev.In == l.In {
			return l.check()
		}
	}
	return l, nil
}

func (l Link) named(ev Named) (Link, []Effect) {
	if ev.Addr == l.Known {
		return l, nil
	}
	l.Known = ev.Addr
	switch l.Phase {
	case Down, Dialling:
		if ev.Addr == "" {
			l.Phase = Down
			l.Gen++
			return l, nil
		}
		return l.dial()
	case Greeting:
		if ev.Addr != "" && ev.Addr != l.Addr {
			return l.dial()
		}
	case Up:
		if ev.Addr != "" && ev.Addr != l.Addr {
			// The name may have moved to a new process while the old one hangs: knock there once.
			l.Gen++
			return l, []Effect{Dial{ev.Addr, dialTimeout, l.Gen}}
		}
	case Checking: // the check decides first; what follows dials the new address
	}
	return l, nil
}

// dial begins a probe of the address that discovery names.
func (l Link) dial() (Link, []Effect) {
	l.Phase = Dialling
	l.Gen++
	return l, []Effect{Dial{l.Known, dialTimeout, l.Gen}}
}

// rest waits for the next probe, if there is anything to probe.
func (l Link) rest(d time.Duration) (Link, []Effect) {
	l.Phase = Down
	l.Gen++
	if l.Known == "" {
		return l, nil
	}
	return l, []Effect{Arm{d, l.Gen}}
}

// restJittered waits for the next probe at a moment that differs between members.
func (l Link) restJittered() (Link, []Effect) {
	l.Seed += 0x9e3779b97f4a7c15 // splitmix64
	z := l.Seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return l.rest(probeMin + time.Duration((z^z>>31)%uint64(probeMax-probeMin)))
}

func (l Link) dialled(ev Dialled) (Link, []Effect) {
	if ev.Gen != l.Gen {
		return l, nil
	}
	switch l.Phase {
	case Dialling:
		if ev.Outcome == Refused && l.Doubted && l.Known == l.Addr {
			l.Doubted = false
			l, fx := l.restJittered()
			return l, append(fx, TellDown{l.Incarnation, LoseRefused})
		}
		if ev.Outcome != Accepted {
			return l.restJittered()
		}
		return l.greet(l.Known)
	case Up:
		if ev.Outcome == Accepted {
			return l, []Effect{l.greeting(l.Known)}
		}
	case Checking:
		switch ev.Outcome {
		case Refused:
			return l.lose(LoseRefused)
		case Failed:
			return l.lose(LoseSilent)
		case Accepted:
			return l, []Effect{SendPing{l.Addr, l.Incarnation, l.Gen}, Arm{recheckWaits[l.Try], l.Gen}}
		case Reset:
			return l, []Effect{Arm{recheckWaits[l.Try], l.Gen}}
		}
	case Down, Greeting:
	}
	return l, nil
}

// greet says hello to addr and waits for the answer.
func (l Link) greet(addr string) (Link, []Effect) {
	l.Phase = Greeting
	l.Gen++
	return l, []Effect{l.greeting(addr), Arm{greetingTimeout, l.Gen}}
}

func (l Link) greeting(addr string) Effect {
	return SendHello{addr, l.Session, l.Incarnation, l.Theirs, l.Phase == Up}
}

func (l Link) expired(ev Expired) (Link, []Effect) {
	if ev.Gen != l.Gen {
		return l, nil
	}
	switch l.Phase {
	case Down:
		if l.Known != "" {
			return l.dial()
		}
	case Greeting:
		return l.restJittered()
	case Checking:
		if l.Try++; l.Try == len(recheckWaits) {
			return l.lose(LoseSilent)
		}
		return l, []Effect{Dial{l.Addr, recheckTimeout, l.Gen}}
	case Dialling, Up:
	}
	return l, nil
}

// hello absorbs the peer's word about itself. It settles first whether a session ends by it, then whether one begins.
func (l Link) hello(ev Hello) (Link, []Effect) {
	for _, old := range l.Retired {
		if old == ev.Incarnation {
			return l, []Effect{SendReplaced{ev.Addr, ev.Incarnation}}
		}
	}
	var fx []Effect
	if linked := l.Phase == Up || l.Phase == Checking; linked {
		switch {
		case ev.Incarnation != l.Incarnation:
			why := LoseReplaced
			if ev.Addr == l.Addr {
				why = LoseRefused // its port belongs to another process now
			}
			l, fx = l.lose(why)
		case ev.Session < l.Theirs:
			return l, nil
		case ev.Session > l.Theirs:
			l, fx = l.lose(LoseSilent)
		case !ev.Up:
			return l, []Effect{l.greeting(l.Addr)} // our last hello was lost on its way
		default:
			return l, nil
		}
	} else if ev.Incarnation == l.Incarnation && ev.Session < l.Theirs {
		return l, nil
	}
	if l.Incarnation != ev.Incarnation && l.Incarnation != 0 {
		l.Retired = append(l.Retired[max(0, len(l.Retired)-keptRetired+1):len(l.Retired):len(l.Retired)], l.Incarnation)
	}
	l.Incarnation, l.Theirs, l.Addr, l.In = ev.Incarnation, ev.Session, ev.Addr, ev.In
	l.Doubted = false
	if ev.SeenIncarnation == l.Self && ev.SeenSession == l.Session {
		return l.rise(ev, fx)
	}
	l, more := l.greet(l.Addr)
	return l, append(fx, more...)
}

// rise makes the link Up. The peer gets our hello before anything else can be sent to it.
func (l Link) rise(ev Hello, fx []Effect) (Link, []Effect) {
	l.Phase = Up
	l.Gen++
	if !ev.Up {
		fx = append(fx, l.greeting(l.Addr))
	}
	return l, append(fx, Admit{l.Addr, l.Incarnation}, TellUp{l.Incarnation})
}

func (l Link) ping(ev Ping) (Link, []Effect) {
	if l.Accepts(ev.Incarnation, ev.In) {
		return l, []Effect{SendPong{l.Addr, l.Incarnation, ev.Nonce}}
	}
	if l.Phase == Up || l.Phase == Checking || ev.Addr == "" {
		return l, nil
	}
	// The sender believes in a session that we do not have, perhaps with a former process at our address; our hello
	// tells it so.
	return l, []Effect{l.greeting(ev.Addr)}
}

func (l Link) pong(ev Pong) (Link, []Effect) {
	if !l.Accepts(ev.Incarnation, ev.In) || l.Phase != Checking || ev.Nonce != l.Gen {
		return l, nil
	}
	l.Phase = Up
	l.Gen++
	return l, []Effect{Admit{l.Addr, l.Incarnation}}
}

func (l Link) outLost(ev OutLost) (Link, []Effect) {
	switch l.Phase {
	case Up:
		if ev.Addr == l.Addr {
			return l.check()
		}
	case Greeting:
		return l.restJittered() // our hello is gone with it
	case Down, Dialling, Checking:
	}
	return l, nil
}

// check asks whether the process behind a lost connection still lives.
func (l Link) check() (Link, []Effect) {
	l.Phase = Checking
	l.Gen++
	l.Try = 0
	return l, []Effect{Bar{}, Dial{l.Addr, recheckTimeout, l.Gen}}
}

// lose ends the session.
func (l Link) lose(why Loss) (Link, []Effect) {
	fx := []Effect{Bar{}, Forget{l.Addr}, TellDown{l.Incarnation, why}}
	l.Session++
	l.Doubted = why == LoseSilent
	l, more := l.restJittered()
	return l, append(fx, more...)
}
