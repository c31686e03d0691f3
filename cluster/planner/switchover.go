package planner

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
)

// Why a switchover is refused. A refusal has no side effect.
var (
	ErrUnknownGroup   = errors.New("planner: unknown group")
	ErrNoActive       = errors.New("planner: the group has no active in contact")
	ErrNoStandby      = errors.New("planner: the group has no standby")
	ErrInTransition   = errors.New("planner: the group is in transition: try again when its active is running")
	ErrTargetNotReady = errors.New("planner: the standby is not ready: try again when it is running")
	ErrPreferred      = errors.New("planner: the group prefers its present active (packed: false), so a switchover would be undone")
)

// Switchover returns the order that makes the group's active quiesce for its standby; once it is stored, Make does the rest.
// It fails with one of the errors above, wrapped with the group's name, and changes nothing that it is given.
func Switchover(s *spec.Spec, v View, group string) (model.Order, error) {
	g, ok := s.Group(group)
	if !ok {
		return model.Order{}, fmt.Errorf("%w: %q", ErrUnknownGroup, group)
	}
	t := turn{known: observe(s, v, time.Time{}), group: g}
	t.order = clone(t.orders[group])
	if err := t.refuseSwitchover(); err != nil {
		return model.Order{}, fmt.Errorf("%w: %q", err, group)
	}
	t.order.Quiesce, t.order.Target = true, t.order.Standby[0]
	return t.order, nil
}

func (t *turn) refuseSwitchover() error {
	o := &t.order
	switch {
	case o.Active == nil && o.Previous != nil:
		return ErrInTransition
	case o.Active == nil || t.gone(o.Active.Member):
		return ErrNoActive
	case !t.settled():
		return ErrInTransition
	case len(o.Standby) == 0:
		return ErrNoStandby
	case t.up[o.Standby[0].Name] != o.Standby[0] || t.leaving[o.Standby[0]] || !t.ready(t.group, o.Standby[0]):
		return ErrTargetNotReady
	case t.group.Sparse() && !slices.Contains(t.better(o.Active.Member.Name), o.Standby[0].Name):
		return ErrPreferred
	}
	return nil
}
