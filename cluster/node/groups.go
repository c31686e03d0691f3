package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/gdict"
)

// clusterGroup is the group that decides for the cluster. Names that begin like it are not for users.
const (
	reservedGroups = "gendac."
	clusterGroup   = reservedGroups + "cluster"
)

// ErrStopping is a group opened on a member that stops or has stopped.
var ErrStopping = errors.New("node: the member is stopping")

// newHub makes what all groups of this member share: one link to each peer, one ticker.
func (n *Node) newHub() error {
	hub, err := genleader.NewHub(n.system, genleader.HubConfig{
		Self:   genleader.Member{Name: n.cfg.Name, Incarnation: n.incarnation},
		Send:   func(to string, frame []byte) error { return n.remoting.Send(to, groupKind, frame) },
		Logger: n.cfg.Logger,
	})
	n.hub = hub
	return err
}

// toHub is the remoting's handler of group frames.
func (n *Node) toHub(from model.Member, body []byte) { n.hub.Deliver(genleader.Member(from), body) }

// Group opens this member's part of a group of the user's own. It works with the parts of that name on the other members,
// which may be opened at any time; the group begins once those it expects have opened theirs. Leave closes this part, and
// the name may be opened again then. Stop leaves all groups; a group that fails ends alone, and its Err says why.
//
// Of cfg, Behaviour is needed. Self and Send are the node's; without Candidates all members of the specification vote, a
// witness of the specification is one here; a zero Timing is the specification's. Such a group hibernates when it has
// nothing to do, unless cfg asks for Leases.
//
// The group is kept where the member keeps its state: below its directory, or in memory. A Storage of cfg takes precedence.
//
// It waits for the group's actor to start, at most 5 s. Errors: ErrStopping, *Error, genleader.ErrOpen, and those of
// genleader.New.
func (n *Node) Group(name string, cfg genleader.Config) (*genleader.Group, error) {
	if strings.HasPrefix(name, reservedGroups) {
		return nil, &Error{"Group", name, "names that begin with " + reservedGroups + " are the cluster's own"}
	}
	return n.openGroup(name, cfg, func(*genleader.Group) {})
}

// OpenDict opens this member's part of a dictionary of the user's own: see Group. The options are those of gdict.New. Open it
// on every member first: until then nobody leads, and writes fail with genleader.ErrNoLeader. Close it with Leave of its group,
// which is returned too. On members that keep their state in memory its contents are lost when every member has closed it.
// It grants no leases.
func (n *Node) OpenDict(name string, options ...gdict.Option) (*gdict.Dict, *genleader.Group, error) {
	if strings.HasPrefix(name, reservedGroups) {
		return nil, nil, &Error{"Dict", name, "names that begin with " + reservedGroups + " are the cluster's own"}
	}
	dict := gdict.New(options...)
	group, err := n.openGroup(name, genleader.Config{Behaviour: dict.Behaviour()}, func(g *genleader.Group) { dict.Attach(g) })
	if err != nil {
		return nil, nil, err
	}
	return dict, group, nil
}

// openGroup calls attach before the group starts.
func (n *Node) openGroup(name string, cfg genleader.Config, attach func(*genleader.Group)) (*genleader.Group, error) {
	if n.stopping.Load() {
		return nil, ErrStopping
	}
	group, err := n.storedGroup(name, n.completed(cfg))
	if err != nil {
		return nil, err
	}
	attach(group)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	child := supervisor.Child{ID: name, Props: group.Props(), Restart: supervisor.Temporary}
	if _, err := supervisor.StartChild(ctx, n.system, n.groupTree, child); err != nil {
		group.Abandon()
		return nil, fmt.Errorf("node: group %s: %w", name, err)
	}
	n.groupsMu.Lock()
	defer n.groupsMu.Unlock()
	n.groups[name] = group
	return group, nil
}

// storedGroup gives a group a storage of its own below the member's directory, if it has one and cfg has none.
func (n *Node) storedGroup(name string, cfg genleader.Config) (*genleader.Group, error) {
	if cfg.Storage != nil {
		return n.hub.Group(name, cfg)
	}
	n.openingMu.Lock() // so that what was checked stays true
	defer n.openingMu.Unlock()
	if err := n.hub.Check(name, cfg); err != nil {
		return nil, err
	}
	storage, err := n.openStorage(name)
	if err != nil {
		return nil, err
	}
	cfg.Storage = storage
	group, err := n.hub.Group(name, cfg)
	if err != nil && storage != nil {
		err = errors.Join(err, storage.Close())
	}
	return group, err
}

// completed fills in what a group of this member has in common with the cluster's own.
func (n *Node) completed(cfg genleader.Config) genleader.Config {
	if cfg.Timing == (genleader.Timing{}) {
		cfg.Timing = n.timing()
	}
	n.electorate(&cfg)
	return cfg
}

func (n *Node) timing() genleader.Timing {
	t := n.cfg.Spec.Timing
	return genleader.Timing{
		Heartbeat: time.Duration(t.Heartbeat), Election: time.Duration(t.Election),
		Lease: time.Duration(t.Lease), StartAfter: time.Duration(t.StartAfter),
	}
}

// startGroupTree spawns the supervisor of users' groups. None is ever restarted: its state is that of its incarnation.
func (n *Node) startGroupTree(ctx context.Context) error {
	var err error
	n.groupTree, err = supervisor.StartWait(ctx, n.system.Root, supervisor.Spec{
		Report: func(notice supervisor.Notice) {
			n.cfg.Logger.Debug("supervisor", slog.String("notice", fmt.Sprint(notice)))
		},
	}, "gendac-groups")
	return err
}

// leaveGroups leaves every group of the user's.
func (n *Node) leaveGroups(ctx context.Context) error {
	n.groupsMu.Lock()
	groups := maps.Clone(n.groups)
	n.groupsMu.Unlock()
	left := make(chan error, len(groups))
	for name, group := range groups {
		go func() {
			err := group.Leave(ctx)
			if err != nil && !errors.Is(err, process.ErrNormal) {
				err = fmt.Errorf("node: group %s: %w", name, err)
			}
			left <- err
		}()
	}
	var problems []error
	for range groups {
		problems = append(problems, <-left)
	}
	return errors.Join(problems...)
}
