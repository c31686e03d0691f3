package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// control carries commands to the leader's controller, wherever it is, and the answers back.
type control struct {
	node *Node

	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]chan error
}

// message is a command, or with Answer its outcome.
type message struct {
	ID     uint64 `json:"id"`
	Group  string `json:"group,omitempty"`
	Answer bool   `json:"answer,omitempty"`
	Code   string `json:"code,omitempty"` // of refusals; empty: done
	Text   string `json:"text,omitempty"`
}

func newControl(n *Node) *control { return &control{node: n, waiting: map[uint64]chan error{}} }

// refusals give each reason a word for the wire. The first that matches counts.
var refusals = []struct {
	code    string
	reason  error
	answers error // of the admin API
}{
	{"unknown_group", planner.ErrUnknownGroup, admin.ErrUnknownGroup},
	{"no_active", planner.ErrNoActive, admin.ErrNoActive},
	{"no_standby", planner.ErrNoStandby, admin.ErrNoStandby},
	{"in_transition", planner.ErrInTransition, admin.ErrInTransition},
	{"target_not_ready", planner.ErrTargetNotReady, admin.ErrTargetNotReady},
	{"preferred", planner.ErrPreferred, admin.ErrPreferred},
	{"conflict", gdict.ErrConflict, admin.ErrInTransition},
	{"not_leader", controller.ErrNotLeader, admin.ErrNoLeader},
	{"no_leader", genleader.ErrNoLeader, admin.ErrNoLeader},
}

// refused gives an error its word, and the sentinel that callers of the admin API know. What is not in the table left
// the outcome open.
func refused(err error) (code string, sentinel error) {
	for _, r := range refusals {
		if errors.Is(err, r.reason) {
			return r.code, r.answers
		}
	}
	return "uncertain", admin.ErrUncertain
}

// Switchover orders the standby of a group to take over from its active, whoever leads, and returns when the order is
// stored: the change itself follows, and Status shows it. Its errors are those of package admin; with ErrUncertain the
// order may have been stored.
func (n *Node) Switchover(ctx context.Context, group string) error {
	if n.stopping.Load() {
		return admin.ErrStopping
	}
	leader := n.group.View().Leader
	switch {
	case leader == genleader.Member{}:
		return fmt.Errorf("%w: nothing was ordered", admin.ErrNoLeader)
	case leader.Name == n.cfg.Name:
		return n.control.here(ctx, group)
	default:
		return n.control.at(ctx, leader.Name, group)
	}
}

// here asks this member's own controller.
func (c *control) here(ctx context.Context, group string) error {
	answer := make(chan error, 1)
	c.node.tell(&c.node.leaderPID, controller.Switchover{Group: group, Reply: func(err error) { answer <- err }})
	select {
	case err := <-answer:
		return translate(err)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", admin.ErrUncertain, context.Cause(ctx))
	case <-c.node.ended:
		return fmt.Errorf("%w: the member has ended", admin.ErrUncertain)
	}
}

func translate(err error) error {
	if err == nil {
		return nil
	}
	code, sentinel := refused(err)
	return refusal(code, sentinel, err.Error())
}

// refusal says why something was refused, once. A reason of the planner is the same as the sentinel in other words.
func refusal(code string, sentinel error, text string) error {
	for _, r := range refusals {
		if r.code == code && strings.HasPrefix(text, r.reason.Error()) && strings.HasPrefix(text, "planner: ") {
			return saidOnce{sentinel: sentinel, text: strings.TrimPrefix(text, "planner: ")}
		}
	}
	return fmt.Errorf("%w: %s", sentinel, text)
}

type saidOnce struct {
	sentinel error
	text     string
}

func (e saidOnce) Error() string { return e.text }
func (e saidOnce) Unwrap() error { return e.sentinel }

// at asks the leader. An answer that does not come leaves the outcome open.
func (c *control) at(ctx context.Context, leader, group string) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := c.send(leader, message{ID: id, Group: group}); err != nil {
		return fmt.Errorf("%w: %w", admin.ErrNoLeader, err)
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", admin.ErrUncertain, context.Cause(ctx))
	case <-c.node.ended:
		return fmt.Errorf("%w: the member has ended", admin.ErrUncertain)
	}
}

func (c *control) send(to string, m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.node.remoting.Send(to, controlKind, body)
}

// receive takes a command or an answer of a peer.
func (c *control) receive(from model.Member, body []byte) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		c.node.cfg.Logger.Warn("dropped a command that is not readable", slog.String("peer", from.Name), slog.Any("err", err))
		return
	}
	if m.Answer {
		c.answered(m)
		return
	}
	c.node.tell(&c.node.leaderPID, controller.Switchover{Group: m.Group, Reply: func(err error) {
		answer := message{ID: m.ID, Answer: true}
		if err != nil {
			answer.Code, _ = refused(err)
			answer.Text = err.Error()
		}
		_ = c.send(from.Name, answer) // lost: the caller's deadline says that the outcome is open
	}})
}

func (c *control) answered(m message) {
	c.mu.Lock()
	answer := c.waiting[m.ID]
	delete(c.waiting, m.ID)
	c.mu.Unlock()
	if answer == nil {
		return
	}
	if m.Code == "" {
		answer <- nil
		return
	}
	sentinel := admin.ErrUncertain
	for _, r := range refusals {
		if r.code == m.Code {
			sentinel = r.answers
		}
	}
	answer <- refusal(m.Code, sentinel, m.Text)
}
