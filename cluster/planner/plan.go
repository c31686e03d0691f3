package planner

import "errors"

// Why a switchover is refused. A refusal has no side effect.
var (
	ErrUnknownGroup   = errors.New("planner: unknown group")
	ErrNoActive       = errors.New("planner: the group has no active in contact")
	ErrNoStandby      = errors.New("planner: the group has no standby")
	ErrInTransition   = errors.New("planner: the group is in transition: try again when its active is running")
	ErrTargetNotReady = errors.New("planner: the standby is not ready: try again when it is running")
	ErrPreferred      = errors.New("planner: the group prefers its present active (packed: false), so a switchover would be undone")
)
