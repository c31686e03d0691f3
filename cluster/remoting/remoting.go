package remoting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/descriptors"
	"github.com/gendac/gendac/cluster/model"
)

// ShellName is the name of the one actor that a peer can reach.
const ShellName = "gendac"

// MaxBody is the largest body that Send takes, in bytes.
const MaxBody = 32 << 20

var (
	// ErrNoLink is returned by Send to a name whose link is not up at this moment.
	ErrNoLink = errors.New("remoting: no link")
	// ErrTooLarge is returned by Send for a body over MaxBody.
	ErrTooLarge = errors.New("remoting: body too large")
	// ErrBacklog is returned by Send while 64 MiB wait for a peer that takes them too slowly.
	ErrBacklog = errors.New("remoting: peer takes messages too slowly")
	// ErrPortLost is what Err wraps when this member's port does not listen any more although nobody called Stop.
	ErrPortLost = errors.New("remoting: the port does not listen any more")
	// ErrStopped is returned after Stop.
	ErrStopped = errors.New("remoting: stopped")
)

// An AddressError says that an address cannot be served on.
type AddressError struct {
	Addr string // the bind address
	Err  error
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("remoting: cannot listen on %s: %v", e.Addr, e.Err)
}
func (e *AddressError) Unwrap() error { return e.Err }

// A ConfigError names the field of a Config that cannot be used.
type ConfigError struct{ Field, Value, Problem string }

func (e *ConfigError) Error() string {
	return fmt.Sprintf("remoting: %s: %q: %s", e.Field, e.Value, e.Problem)
}

// Config says who a member is and where it listens.
type Config struct {
	Name        string // the member's name: not empty, unique in the cluster
	Cluster     string // members of another cluster are refused
	Incarnation uint64 // of this process; 0: process.Incarnation of the system
	Bind        string // host:port to listen on; port 0 picks one; "": 127.0.0.1:0
	Advertise   string // host:port under which peers reach it; "": what Bind became
	TLS         *TLS   // nil: plain TCP, for trusted networks only
	// Known says which names are members. Whatever comes from another name is refused. nil: every name is one.
	Known  func(name string) bool
	Logger *slog.Logger // nil: the actor system's

	poll time.Duration // between looks at the files of TLS
}

// A LinkEvent is LinkUp, LinkDown or Replaced.
type LinkEvent interface{ link() }

type (
	// LinkUp says that messages flow between us and Peer, in both directions.
	LinkUp struct{ Peer model.Member }
	// LinkDown ends what LinkUp began. One that is neither Refused nor Bye is silence, and may be followed by a second one
	// with Refused, when the peer's port turns out to be closed.
	LinkDown struct {
		Peer    model.Member
		Refused bool // nobody, or another process, listens at its address: the process is gone
		Bye     bool // it took its leave: Stop was called there
	}
	// Replaced says that Peer has met another process under our name since it met us, and will never link with this one
	// again: this process has to end.
	Replaced struct{ Peer model.Member }
)

func (LinkUp) link()   {}
func (LinkDown) link() {}
func (Replaced) link() {}

// Remoting is one member's end of all its links. Its methods are safe for many goroutines.
type Remoting struct {
	cfg    Config
	log    *slog.Logger
	ring   *keyring
	system *actor.ActorSystem
	server *grpc.Server
	pid    *actor.PID

	port     *process.Port
	handlers map[string]func(model.Member, []byte) // written before Open only
	onLink   func(LinkEvent)
	opened   atomic.Bool
	stopped  atomic.Bool
	gate     chan struct{} // closed by Open

	admitted atomic.Pointer[map[string]admission] // replaced by the shell only
	seq      atomic.Uint64
	out      *writers
	stats    counters
	warn     limiter
	lost     chan struct{} // closed when the port is lost
	err      error         // why, written before
	quit     context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup // the server, and dials under way
}

// An admission lets Send reach one incarnation of a peer.
type admission struct {
	addr        string
	incarnation uint64
}

// Start makes system reachable for its peers: it listens on cfg.Bind, gives the system its address, and spawns the shell.
// From Open on, calls, monitors, links and inspections of package process, and messages to PIDs of linked members, reach
// them.
// Start it before spawning anything whose PID travels, once per system, and not beside protoactor's own Remote. Nothing is
// accepted until Open. Errors: *ConfigError, *AddressError.
func Start(system *actor.ActorSystem, cfg Config) (*Remoting, error) {
	if err := cfg.complete(system); err != nil {
		return nil, err
	}
	ring, err := newKeyring(cfg.TLS, cfg.Name)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Bind)
	if err != nil {
		return nil, &AddressError{cfg.Bind, cause(err)}
	}
	if cfg.Advertise == "" {
		cfg.Advertise = listener.Addr().String()
	}
	system.ProcessRegistry.Address = cfg.Advertise
	r := &Remoting{
		cfg: cfg, log: cfg.Logger, ring: ring, system: system, handlers: map[string]func(model.Member, []byte){},
		onLink: func(LinkEvent) {}, gate: make(chan struct{}), lost: make(chan struct{}), server: grpc.NewServer(serverOptions(ring)...),
	}
	r.admitted.Store(&map[string]admission{})
	r.port = process.Connect(system, carrier{r})
	r.quit, r.cancel = context.WithCancel(context.Background())
	r.out = &writers{
		system: system, dial: func(peer string) []grpc.DialOption { return dialOptions(ring, peer) }, current: map[endpoint]*writer{}, most: descriptors.Share(maxGreeted),
		lost: func(at endpoint) { r.tell(outLost{at}) },
		failed: func(addr string, err error) {
			r.stats.failures.Add(1)
			level := slog.LevelDebug // a peer that dies just now, or is paused
			if msg := err.Error(); strings.Contains(msg, "tls:") || strings.Contains(msg, "handshake") {
				level = slog.LevelWarn
			}
			if r.warn.allow("connect " + addr) {
				r.log.Log(context.Background(), level, "cannot connect", slog.String("addr", addr), slog.Any("err", err))
			}
		},
	}
	g := newShell(r)
	props := actor.PropsFromProducer(func() actor.Actor { return g })
	if r.pid, err = system.Root.SpawnNamed(props, ShellName); err != nil {
		r.cancel()
		listener.Close()
		return nil, fmt.Errorf("remoting: the name %q is taken in this actor system: %w", ShellName, err)
	}
	remote.RegisterRemotingServer(r.server, &reader{r: r})
	if cfg.TLS != nil {
		r.work.Go(func() { ring.watch(r.quit, cfg.poll, r.log) })
	}
	r.work.Go(func() {
		if err := r.server.Serve(newPorch(listener)); !r.stopped.Load() {
			r.losePort(err)
		}
	})
	return r, nil
}

// complete checks the fields and fills defaults.
func (c *Config) complete(system *actor.ActorSystem) error {
	if c.Name == "" || len(c.Name) > maxName || !utf8.ValidString(c.Name) {
		return &ConfigError{"Name", c.Name, fmt.Sprintf("give a name of 1 to %d bytes of UTF-8", maxName)}
	}
	if c.Logger == nil {
		c.Logger = system.Logger()
	}
	if c.Incarnation == 0 {
		c.Incarnation = process.Incarnation(system)
	}
	if c.Bind == "" {
		c.Bind = "127.0.0.1:0"
	}
	if c.poll == 0 {
		c.poll = keysPoll
	}
	if c.Known == nil {
		c.Known = func(string) bool { return true }
	}
	host, port, err := net.SplitHostPort(c.Bind)
	if err != nil {
		return &ConfigError{"Bind", c.Bind, "give host:port"}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return &ConfigError{"Bind", c.Bind, "the port must be a number from 0 to 65535"}
	}
	if ip := net.ParseIP(host); c.Advertise == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return &ConfigError{"Advertise", "", "required because Bind " + c.Bind + " names no single host"}
	}
	if c.Advertise != "" {
		if h, p, err := net.SplitHostPort(c.Advertise); err != nil || h == "" || p == "" || p == "0" {
			return &ConfigError{"Advertise", c.Advertise, "give host:port that peers can dial"}
		}
	}
	return nil
}

// cause strips what the caller knows already from an error of package net.
func cause(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// losePort is for a port that was closed by something else than Stop: peers that dial it are refused, and take that for
// the death of this process.
func (r *Remoting) losePort(cause error) {
	if cause == nil {
		cause = errors.New("serving ended")
	}
	r.err = fmt.Errorf("%w: %s: %w", ErrPortLost, r.cfg.Bind, cause)
	r.log.Error("serving ended", slog.String("addr", r.cfg.Bind), slog.Any("err", cause))
	close(r.lost)
}

// Lost is closed when this member's port does not listen any more although Stop was not called; Err then says why. Peers
// take this process for dead as soon as they dial it, so it has to end.
func (r *Remoting) Lost() <-chan struct{} { return r.lost }

// Err is nil until Lost is closed, and wraps ErrPortLost then.
func (r *Remoting) Err() error {
	select {
	case <-r.lost:
		return r.err
	default:
		return nil
	}
}

// Addr returns the host:port under which peers reach this member.
func (r *Remoting) Addr() string { return r.cfg.Advertise }

// Handle registers h for envelopes of a kind. Call it before Open; a kind twice, an empty kind, or one that begins with
// "link." panics. h is called from the shell's turn, one peer's messages in the order sent; it must not block and may
// keep body. A panic of h is logged and counted, and costs that message only.
func (r *Remoting) Handle(kind string, h func(from model.Member, body []byte)) {
	_, twice := r.handlers[kind]
	if twice || r.opened.Load() || kind == "" || kind == kindProcess || reserved(kind) {
		panic(fmt.Sprintf("remoting: Handle(%q): register each kind once, before Open, not in link.* and not %q", kind, kindProcess))
	}
	r.handlers[kind] = h
}

// Links registers h for link events: LinkUp and LinkDown alternate for each name. Call it before Open; the rules of Handle
// apply.
func (r *Remoting) Links(h func(LinkEvent)) {
	if r.opened.Load() {
		panic("remoting: Links after Open")
	}
	r.onLink = h
}

// Open lets peers in and begins to look for those named by SetPeers.
func (r *Remoting) Open() {
	if r.opened.CompareAndSwap(false, true) {
		r.tell(open{})
		close(r.gate)
	}
}

// SetPeers replaces what discovery knows: name to host:port. Our own name is ignored. A peer no longer named keeps its link
// until that breaks; a peer at a new address is looked for there.
func (r *Remoting) SetPeers(addrs map[string]string) { r.tell(peersAre{maps.Clone(addrs)}) }

// Send hands body to the link of a peer. It never blocks. nil means accepted, not delivered. body is copied. Errors: ErrNoLink, ErrTooLarge, ErrBacklog, ErrStopped.
func (r *Remoting) Send(name, kind string, body []byte) error {
	if r.stopped.Load() {
		return ErrStopped
	}
	if len(body) > MaxBody || len(kind) > maxName {
		return fmt.Errorf("%w: %q to %s: %d bytes, at most %d", ErrTooLarge, kind, name, len(body), MaxBody)
	}
	to, ok := (*r.admitted.Load())[name]
	if !ok {
		return ErrNoLink
	}
	return r.out.send(endpoint{name, to.addr}, r.envelope(kind, to.incarnation, body), false)
}

func (r *Remoting) envelope(kind string, to uint64, body []byte) *process.Envelope {
	return &process.Envelope{
		Version: process.EnvelopeVersion, Kind: kind, From: r.cfg.Name, FromIncarnation: r.cfg.Incarnation,
		ToIncarnation: to, Seq: r.seq.Add(1), Body: body,
	}
}

// Reload reads the files of TLS now; by itself that happens within seconds of a change. Connections that are open stay; new ones
// use what was read. If the files are not good, the error says why and what was read before stays in use.
func (r *Remoting) Reload() error {
	changed, err := r.ring.reload()
	if changed {
		r.log.Info("certificate files read again", slog.Any("until", r.ring.now.Load().end))
	}
	return err
}

// Problem is what an operator should know of the certificate: that it ends soon, or has ended. "" if there is nothing.
func (r *Remoting) Problem() string { return r.ring.problem(time.Now()) }

// tell posts to the shell.
func (r *Remoting) tell(msg any) {
	if r.quit.Err() == nil { // afterwards it would be a dead letter
		r.system.Root.Send(r.pid, msg)
	}
}

// Stop says goodbye to the peers, waits a moment for them to hear it, and closes everything; ctx bounds it. No handler runs
// after it returns. A second call returns nil at once.
func (r *Remoting) Stop(ctx context.Context) error {
	if !r.stopped.CompareAndSwap(false, true) {
		return nil
	}
	flushed := make(chan struct{})
	r.tell(leave{flushed})
	brief := time.NewTimer(byeTimeout)
	defer brief.Stop()
	select {
	case <-flushed:
	case <-brief.C:
	case <-ctx.Done():
	}
	r.cancel()
	r.out.close()
	gone := r.system.Root.StopFuture(r.pid)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.server.Stop()
		_ = gone.Wait()
		r.work.Wait()
		r.out.live.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("remoting: stop: not everything has ended: %w", ctx.Err())
	}
}
