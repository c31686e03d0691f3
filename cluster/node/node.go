package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/supervisor"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/gdict"
)

const (
	joinTimeout  = 3 * time.Second // for discovery to take this member in
	startTimeout = 5 * time.Second // for the actors to start
	stopMargin   = time.Second     // for an instance to end, beyond its own stop timeout
	endTimeout   = 3 * time.Second // for the remains of a member that has failed

	groupKind   = "group"
	controlKind = "control"
)

// ErrFailed is what Err wraps when a member ended by itself.
var ErrFailed = errors.New("node: the member has ended; start it again")

// A Node is this member while it runs. Its methods are safe for any goroutine.
type Node struct {
	cfg         Config
	incarnation uint64      // of this process, for its links
	store       *disk.Store // of the cluster's own group; nil in memory
	keeping     sync.Mutex  // held while the number is kept
	takenUp     atomic.Bool // the group has had a leader, so others know the number
	system      *actor.ActorSystem
	remoting    *remoting.Remoting
	dict        *gdict.Dict
	hub         *genleader.Hub
	group       *genleader.Group
	storage     genleader.Storage // store, or nil
	session     member.Session
	admin       *admin.Server
	tree        *actor.PID
	groupTree   *actor.PID // of users' groups
	openingMu   sync.Mutex // held while the storage of a user's group is opened
	groupsMu    sync.Mutex
	groups      map[string]*genleader.Group // users', the latest of each name
	leaderPID   atomic.Pointer[actor.PID]
	localPID    atomic.Pointer[actor.PID]
	here        controller.Here
	control     *control
	digest      func() string // of the specification
	found       atomic.Pointer[member.View]
	crashed     firstCrash // of the tree's actors

	stopping  atomic.Bool
	localDone chan struct{}
	localErr  error // why the local controller ended, written before localDone is closed
	ending    sync.Once
	ended     chan struct{}
	err       error // written before ended is closed
}

// Start runs this member until Stop, or until it fails. It returns once the member can be reached by the others, not
// once the cluster has a leader. Every error is one line that names what is wrong: *Error and *spec.Error for what was
// given, *remoting.AddressError and *admin.AddressError for addresses, and discovery's own.
func Start(cfg Config) (*Node, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg:       cfg,
		groups:    map[string]*genleader.Group{},
		localDone: make(chan struct{}), ended: make(chan struct{}),
	}
	n.cfg.Logger = cfg.Logger.With(slog.String("node", cfg.Name))
	n.found.Store(&member.View{})
	n.digest = sync.OnceValue(cfg.Spec.Digest)
	if err := n.assemble(); err != nil {
		n.stopping.Store(true) // what ends now does not end by itself
		n.end(err, endTimeout)
		return nil, err
	}
	return n, nil
}

func (n *Node) assemble() error {
	n.system = actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(hostLogger{n.cfg.Logger.Handler()}) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond), // its timer outlives the system
	)
	var err error
	// What can be refused comes first: nothing acts before it is there.
	if n.cfg.Admin != "" {
		if n.admin, err = admin.Listen(n.cfg.Admin, admin.Hosts(n.cfg.AdminHosts...), admin.SocketGroup(n.cfg.AdminGroup)); err != nil {
			return err
		}
	}
	if n.store, err = n.openStore(clusterGroup); err != nil {
		return err
	}
	if err := n.number(); err != nil {
		return err
	}
	n.remoting, err = remoting.Start(n.system, remoting.Config{
		Name: n.cfg.Name, Cluster: n.cfg.Spec.Cluster, Incarnation: n.incarnation,
		Bind: n.cfg.Bind, Advertise: n.cfg.Advertise, TLS: n.cfg.TLS, Logger: n.cfg.Logger,
		Known: func(name string) bool { _, known := n.cfg.Spec.Members[name]; return known },
	})
	if err != nil {
		return err
	}
	n.cfg.Logger.Info("state kept", slog.String("directory", cmp.Or(n.cfg.DataDir, "none: in memory")))
	if err := n.newHub(); err != nil {
		return err
	}
	if err := n.newGroup(); err != nil {
		return err
	}
	n.control = newControl(n)
	if err := n.join(); err != nil {
		return err
	}
	if err := n.startTree(); err != nil {
		return err
	}
	n.listen()
	if n.admin != nil {
		n.admin.Serve(n)
	}
	go n.watchGroup()
	go n.watchPort()
	return nil
}

func (n *Node) newGroup() error {
	// Failover needs the dictionary too: users must not be able to fill it to the last byte.
	n.dict = gdict.New(gdict.Reserve(controller.Reserved, ownDictionary), gdict.MaxTotal(dictionaryLimit(n.cfg.MaxDictionary, memoryLimit())))
	if n.store != nil {
		n.storage = n.store
	}
	cfg := genleader.Config{
		Timing:    n.timing(),
		Leases:    true,
		Behaviour: n.dict.Behaviour(),
		Storage:   n.storage,
		Event:     n.happened,
		Logger:    n.cfg.Logger,
	}
	n.electorate(&cfg)
	group, err := n.hub.Group(clusterGroup, cfg)
	if err != nil {
		return err
	}
	n.group = group
	n.dict.Attach(group)
	return nil
}

// tell sends to an actor that may not have started yet; it looks for itself when it does.
func (n *Node) tell(pid *atomic.Pointer[actor.PID], msg any) {
	if to := pid.Load(); to != nil {
		n.system.Root.Send(to, msg)
	}
}

// startTree spawns the controllers before the group: the local one watches orders from the group's first entry on.
func (n *Node) startTree() error {
	local := controller.Local{
		Spec: n.cfg.Spec, Self: n.member(), Dict: n.dict, Watch: n.dict.Watch(controller.Reserved), Lease: n.group.Lease(),
		Apps: n.cfg.Apps, Logger: n.cfg.Logger, Ended: func(reason error) { n.localEnded(reason) },
		Started: func(pid *actor.PID) { n.localPID.Store(pid) }, Here: &n.here,
	}
	leader := controller.Leader{
		Spec: n.cfg.Spec, Dict: n.dict, View: n.group.View, Withhold: n.group.Withhold, Logger: n.cfg.Logger,
		Started: func(pid *actor.PID) { n.leaderPID.Store(pid) },
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := n.startGroupTree(ctx); err != nil {
		return err
	}
	tree, err := supervisor.StartWait(ctx, n.system.Root, supervisor.Spec{
		MaxRestarts: -1, // what they hold belongs to this incarnation, so the first crash ends the member
		Children: []supervisor.Child{
			{ID: "local", Props: local.Props(), Restart: supervisor.Transient},
			{ID: "leader", Props: leader.Props(), Restart: supervisor.Permanent},
			{ID: "group", Props: n.group.Props(), Restart: supervisor.Transient},
		},
		Report: func(notice supervisor.Notice) {
			n.cfg.Logger.Debug("supervisor", slog.String("notice", fmt.Sprint(notice)))
			n.crashed.notice(notice)
		},
	}, "gendac-member")
	n.tree = tree
	return err
}

// listen connects remoting to the group and to the control channel, then opens it.
func (n *Node) listen() {
	n.remoting.Handle(groupKind, n.toHub)
	n.remoting.Handle(controlKind, n.control.receive)
	n.remoting.Links(func(ev remoting.LinkEvent) {
		switch ev := ev.(type) {
		case remoting.LinkUp:
			n.hub.LinkUp(genleader.Member(ev.Peer))
		case remoting.LinkDown:
			n.hub.LinkDown(genleader.Member(ev.Peer), ev.Refused)
		case remoting.Replaced:
			if n.stopping.CompareAndSwap(false, true) {
				go n.fail(fmt.Errorf("%w: %s has met it", genleader.ErrSuperseded, ev.Peer.Name))
			}
		}
	})
	n.remoting.Open()
}

func (n *Node) join() error {
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	session, err := n.cfg.Discovery.Join(ctx, member.Member{
		Name: n.cfg.Name, Addr: n.remoting.Addr(), Incarnation: n.incarnation,
	})
	if err != nil {
		return err
	}
	n.session = session
	go func() {
		for view := range session.Views() {
			n.found.Store(&view)
			addrs := map[string]string{}
			for _, m := range view.Members {
				if _, known := n.cfg.Spec.Members[m.Name]; known {
					addrs[m.Name] = m.Addr
				}
			}
			n.remoting.SetPeers(addrs)
		}
	}()
	return nil
}

// watchPort ends a member that has lost its port: whoever dials it takes this process for dead.
func (n *Node) watchPort() {
	select {
	case <-n.remoting.Lost():
		if n.stopping.CompareAndSwap(false, true) {
			n.fail(n.remoting.Err())
		}
	case <-n.ended:
	}
}

func (n *Node) watchGroup() {
	<-n.group.Done()
	if !n.stopping.Load() {
		n.fail(n.group.Err())
	}
}

func (n *Node) localEnded(reason error) {
	n.localErr = reason
	close(n.localDone)
	if !n.stopping.Load() {
		go n.fail(reason)
	}
}

// fail ends a member that cannot go on.
func (n *Node) fail(reason error) {
	n.stopping.Store(true)
	reason = n.crashed.cause(reason)
	n.cfg.Logger.Error("member failed", slog.Any("err", reason))
	n.end(fmt.Errorf("%w: %w", ErrFailed, reason), endTimeout)
}

// end takes everything down, once, and publishes why.
func (n *Node) end(reason error, within time.Duration) {
	n.ending.Do(func() {
		n.teardown(within)
		n.err = reason
		close(n.ended)
	})
}

// teardown ends whatever was started, from the outside inwards, and does not wait longer than within for any of it.
func (n *Node) teardown(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if n.admin != nil {
		_ = n.admin.Close(ctx)
	}
	if n.session != nil {
		if err := n.session.Leave(ctx); err != nil {
			n.cfg.Logger.Warn("leaving discovery", slog.Any("err", err))
		}
	}
	for _, tree := range []*actor.PID{n.groupTree, n.tree} {
		if tree == nil {
			continue
		}
		if err := n.system.Root.StopFuture(tree).Wait(); err != nil {
			n.cfg.Logger.Warn("stopping the actors", slog.Any("err", err))
		}
	}
	n.closeStorage(ctx)
	if n.hub != nil {
		n.hub.Close()
	}
	if n.remoting != nil {
		if err := n.remoting.Stop(ctx); err != nil {
			n.cfg.Logger.Warn("closing connections", slog.Any("err", err))
		}
	}
	if n.system != nil {
		n.system.Shutdown()
	}
}

// Reload reads the files of TLS again, which happens by itself within seconds of a change. The error names a file that cannot be
// used; what was read before stays in use then.
func (n *Node) Reload() error { return n.remoting.Reload() }

// Done is closed when the member has ended, in order or not; Err then says why, and is nil after Stop.
func (n *Node) Done() <-chan struct{} { return n.ended }

// Err is why the member ended by itself. It is nil before Done and after an orderly Stop.
func (n *Node) Err() error {
	select {
	case <-n.ended:
		return n.err
	default:
		return nil
	}
}

// Dict is the dictionary that all members share. Keys that begin with controller.Reserved are the cluster's own: the admin
// API refuses to write them, but this Dict does not, because the controllers write through it. They decide who
// acts: leave them alone.
func (n *Node) Dict() *gdict.Dict { return n.dict }

// DataDir is the directory in which this member keeps its state; empty if it keeps it in memory.
func (n *Node) DataDir() string { return n.cfg.DataDir }

// Name is this member's name.
func (n *Node) Name() string { return n.cfg.Name }

// Self is this member's process in the cluster's own group: whose keys of Dict end with it. A user's group has its own
// Group.Member, which is another one once that group was opened again. Ask when the group has a leader: until then the number
// may change, if this member's clock was behind.
func (n *Node) Self() genleader.Member {
	return genleader.Member{Name: n.cfg.Name, Incarnation: n.member().Incarnation}
}

// Lease is this member's lease in the cluster's own group. Whoever acts on what Dict says acts only while it holds in the
// term of the change: see gdict.Event.
func (n *Node) Lease() *lease.Lease { return n.group.Lease() }

// Admin is the address of the admin API, or empty.
func (n *Node) Admin() string {
	if n.admin == nil {
		return ""
	}
	return n.admin.Addr()
}
