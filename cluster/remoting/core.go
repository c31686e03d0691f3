package remoting

import "time"

// phase says where a link is.
type phase uint8

// The phases of a link, in the order in which a link runs through them.
const (
	Down     phase = iota // nothing is known to listen, or nobody is expected
	Dialling              // a bare TCP connect is under way
	Greeting              // we said hello and wait for a hello that has seen ours
	Up                    // both directions have carried a hello of the present sessions
	Checking              // a connection was lost; is the process still there?
)

func (p phase) String() string {
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

// A linkState is the state of the link to the peer of one name. The zero linkState, given Self, is Down with no known address.
type linkState struct {
	Self    uint64 // our incarnation
	Phase   phase
	Known   string // where discovery says the peer is; "" while it does not name it
	Gen     uint64 // counts asynchronous steps; answers to an earlier one are stale
	Session uint64 // ours; rises with each LinkDown
	Seed    uint64 // of the jitter and of challenges
	// Challenge went with our last hello, if that went to the address which discovery names; otherwise it is 0. Who answers
	// that hello with a refusal has to repeat it: nobody else may turn us away or end us.
	Challenge uint64

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
func (l *linkState) Accepts(incarnation, in uint64) bool {
	if l.Phase != Up && l.Phase != Checking || incarnation != l.Incarnation || in < l.In {
		return false
	}
	l.In = in
	return true
}

// step absorbs one event and returns the next state and what to do about it, in order.
func step(l linkState, ev event) (linkState, []effect) {
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
			return l.lose(loseBye)
		}
	case RefusedUs:
		if l.challenged(ev.Challenge) {
			return l.pause(refusedPause)
		}
	case ReplacedUs:
		if l.challenged(ev.Challenge) {
			return l, []effect{TellReplaced{ev.Incarnation}}
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

func (l linkState) named(ev Named) (linkState, []effect) {
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
			return l, []effect{Dial{ev.Addr, dialTimeout, l.Gen}}
		}
	case Checking: // the check decides first; what follows dials the new address
	}
	return l, nil
}

// dial begins a probe of the address that discovery names.
func (l linkState) dial() (linkState, []effect) {
	l.Phase = Dialling
	l.Gen++
	return l, []effect{Dial{l.Known, dialTimeout, l.Gen}}
}

// rest waits for the next probe, if there is anything to probe.
func (l linkState) pause(d time.Duration) (linkState, []effect) {
	l.Phase = Down
	l.Gen++
	if l.Known == "" {
		return l, nil
	}
	return l, []effect{Arm{d, l.Gen}}
}

// pauseJittered waits for the next probe at a moment that differs between members.
func (l linkState) pauseJittered() (linkState, []effect) {
	return l.pause(probeMin + time.Duration(l.draw()%uint64(probeMax-probeMin)))
}

// draw returns the next number of the link's own.
func (l *linkState) draw() uint64 {
	l.Seed += 0x9e3779b97f4a7c15 // splitmix64
	z := l.Seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// challenged says whether a refusal answers the hello that we sent to the address which discovery names.
func (l *linkState) challenged(challenge uint64) bool {
	return l.Phase == Greeting && l.Challenge != 0 && challenge == l.Challenge
}

func (l linkState) dialled(ev Dialled) (linkState, []effect) {
	if ev.Gen != l.Gen {
		return l, nil
	}
	switch l.Phase {
	case Dialling:
		if ev.Outcome == refusedDial && l.Doubted && l.Known == l.Addr {
			l.Doubted = false
			l, fx := l.pauseJittered()
			return l, append(fx, TellDown{l.Incarnation, loseRefused})
		}
		if ev.Outcome != accepted {
			return l.pauseJittered()
		}
		return l.greet(l.Known)
	case Up:
		if ev.Outcome == accepted {
			return l, []effect{l.greeting(l.Known)}
		}
	case Checking:
		switch ev.Outcome {
		case refusedDial:
			return l.lose(loseRefused)
		case failedDial:
			return l.lose(loseSilent)
		case accepted:
			return l, []effect{SendPing{l.Addr, l.Incarnation, l.Gen}, Arm{recheckWaits[l.Try], l.Gen}}
		case resetDial:
			return l, []effect{Arm{recheckWaits[l.Try], l.Gen}}
		}
	case Down, Greeting:
	}
	return l, nil
}

// greet says hello to addr and waits for the answer.
func (l linkState) greet(addr string) (linkState, []effect) {
	l.Phase = Greeting
	l.Gen++
	l.Challenge = 0
	if addr == l.Known {
		l.Challenge = l.draw()
	}
	hello := l.greeting(addr)
	hello.Challenge = l.Challenge
	return l, []effect{hello, Arm{greetingTimeout, l.Gen}}
}

func (l linkState) greeting(addr string) SendHello {
	return SendHello{Addr: addr, Session: l.Session, SeenIncarnation: l.Incarnation, SeenSession: l.Theirs, Up: l.Phase == Up}
}

func (l linkState) expired(ev Expired) (linkState, []effect) {
	if ev.Gen != l.Gen {
		return l, nil
	}
	switch l.Phase {
	case Down:
		if l.Known != "" {
			return l.dial()
		}
	case Greeting:
		return l.pauseJittered()
	case Checking:
		if l.Try++; l.Try == len(recheckWaits) {
			return l.lose(loseSilent)
		}
		return l, []effect{Dial{l.Addr, recheckTimeout, l.Gen}}
	case Dialling, Up:
	}
	return l, nil
}

// hello absorbs the peer's word about itself. It settles first whether a session ends by it, then whether one begins.
func (l linkState) hello(ev Hello) (linkState, []effect) {
	for _, old := range l.Retired {
		if old == ev.Incarnation {
			return l, []effect{SendReplaced{ev.Addr, ev.Incarnation, ev.Challenge}}
		}
	}
	if l.Incarnation != 0 && (ev.Incarnation != l.Incarnation || ev.Session > l.Theirs) && !l.seenBy(ev) {
		return l, []effect{l.probation(ev)}
	}
	var fx []effect
	if l.linked() {
		switch {
		case ev.Incarnation != l.Incarnation:
			why := loseReplaced
			if ev.Addr == l.Addr {
				why = loseRefused // its port belongs to another process now
			}
			l, fx = l.lose(why)
		case ev.Session < l.Theirs:
			return l, nil
		case ev.Session > l.Theirs:
			l, fx = l.lose(loseSilent)
		case !ev.Up:
			return l, []effect{l.greeting(l.Addr)} // our last hello was lost on its way
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

func (l *linkState) linked() bool { return l.Phase == Up || l.Phase == Checking }

// seenBy says whether the sender of a hello has received one of ours where it says that it is.
func (l *linkState) seenBy(ev Hello) bool {
	return ev.SeenIncarnation == l.Self && (ev.SeenSession == l.Session || l.linked() && ev.SeenSession == l.Session+1)
}

// probation answers a hello that would end a session, or take the name from the process that has it, before its sender has
// shown that it receives anything at its address. Nothing changes until it has. What it is offered is the session that will
// be when the present one has ended.
func (l *linkState) probation(ev Hello) effect {
	session := l.Session
	if l.linked() {
		session++
	}
	return SendHello{Addr: ev.Addr, Session: session, SeenIncarnation: ev.Incarnation, SeenSession: ev.Session}
}

// rise makes the link Up. The peer gets our hello before anything else can be sent to it.
func (l linkState) rise(ev Hello, fx []effect) (linkState, []effect) {
	l.Phase = Up
	l.Gen++
	if !ev.Up {
		fx = append(fx, l.greeting(l.Addr))
	}
	return l, append(fx, Admit{l.Addr, l.Incarnation}, TellUp{l.Incarnation})
}

func (l linkState) ping(ev Ping) (linkState, []effect) {
	if l.Accepts(ev.Incarnation, ev.In) {
		return l, []effect{SendPong{l.Addr, l.Incarnation, ev.Nonce}}
	}
	if l.Phase == Up || l.Phase == Checking || ev.Addr == "" {
		return l, nil
	}
	// The sender believes in a session that we do not have, perhaps with a former process at our address; our hello
	// tells it so.
	return l, []effect{l.greeting(ev.Addr)}
}

func (l linkState) pong(ev Pong) (linkState, []effect) {
	if !l.Accepts(ev.Incarnation, ev.In) || l.Phase != Checking || ev.Nonce != l.Gen {
		return l, nil
	}
	l.Phase = Up
	l.Gen++
	return l, []effect{Admit{l.Addr, l.Incarnation}}
}

func (l linkState) outLost(ev OutLost) (linkState, []effect) {
	switch l.Phase {
	case Up:
		if ev.Addr == l.Addr {
			return l.check()
		}
	case Greeting:
		return l.pauseJittered() // our hello is gone with it
	case Down, Dialling, Checking:
	}
	return l, nil
}

// check asks whether the process behind a lost connection still lives.
func (l linkState) check() (linkState, []effect) {
	l.Phase = Checking
	l.Gen++
	l.Try = 0
	return l, []effect{Bar{}, Dial{l.Addr, recheckTimeout, l.Gen}}
}

// lose ends the session.
func (l linkState) lose(why loss) (linkState, []effect) {
	fx := []effect{Bar{}, Forget{l.Addr}, TellDown{l.Incarnation, why}}
	l.Session++
	l.Doubted = why == loseSilent
	l, more := l.pauseJittered()
	return l, append(fx, more...)
}
