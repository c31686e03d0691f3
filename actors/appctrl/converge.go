package appctrl

import (
	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// converge makes the moves that bring the phase nearer to the goal, until a callback is under way or the goal is met.
func (t *turn) converge() {
	if t.Role == app.Active && t.ended(t.Term) {
		t.lose()
	}
	for t.advance() {
	}
}

// ended says whether nothing can be active under term any more.
func (t *turn) ended(term lease.Term) bool {
	return term == 0 || term <= t.Lapsed || term != t.in.Held
}

// lose stops an activation whose lease term has ended.
func (t *turn) lose() {
	switch t.Phase {
	case Starting:
		t.cutStart(LeaseLost)
	case Running:
		t.depart(Stopping, LeaseLost)
	case Idle, Quiescing, Quiesced, Stopping, Failed: // nothing is active
	}
}

// advance makes one move and says whether another may follow.
func (t *turn) advance() bool {
	switch t.Phase {
	case Starting, Quiescing, Stopping:
		return false // a callback is under way; its outcome is an event
	case Failed:
		if t.Down {
			return t.toAbsent()
		}
		return t.settle()
	case Idle, Running, Quiesced:
	}
	switch want := t.Goal.Want; {
	case t.Down || want == Absent:
		return t.toAbsent()
	case want == Standby:
		return t.toStandby()
	case want == Active:
		return t.toActive()
	default:
		return t.toQuiesced()
	}
}

func (t *turn) toAbsent() bool {
	switch t.Phase {
	case Running:
		return t.depart(Stopping, "")
	case Quiesced:
		t.discard(false)
		return true
	case Failed:
		t.Phase, t.Role = Idle, app.Standby
		return true
	case Idle, Starting, Quiescing, Stopping:
	}
	t.settle()
	if t.Down && !t.Ended {
		t.Ended = true
		t.do(endController{})
	}
	return false
}

func (t *turn) toStandby() bool {
	if t.Phase == Running && t.Role == app.Active {
		return t.depart(Quiescing, "")
	}
	if t.Phase == Running {
		return t.settle()
	}
	return t.enter()
}

func (t *turn) toActive() bool {
	switch {
	case t.Phase == Running && t.Role == app.Active && t.Epoch == t.Goal.Epoch:
		return t.settle()
	case t.Goal.Epoch <= t.Spent: // lost, stopped or given up: never again under this epoch
		return t.settle()
	case t.ended(t.Goal.Term):
		return t.refuse()
	case t.Phase == Running && t.Role == app.Active: // a newer epoch is a new activation
		return t.depart(Quiescing, "")
	}
	return t.enter()
}

func (t *turn) toQuiesced() bool {
	if t.Phase == Running {
		return t.depart(Quiescing, "")
	}
	return t.settle()
}

// refuse answers a goal to be active whose lease term ended before the activation began.
func (t *turn) refuse() bool {
	t.Spent = max(t.Spent, t.Goal.Epoch)
	if t.Phase == Running {
		return t.depart(Stopping, LeaseLost)
	}
	t.Err = LeaseLost
	if t.Phase == Quiesced {
		t.discard(false)
		return true
	}
	return t.settle()
}

// enter begins the role that the goal asks for, on a fresh value when there is none. It ends the moves of this step.
func (t *turn) enter() bool {
	t.Gen++
	if t.Born == 0 {
		t.Born = t.Gen
		t.do(spawnInstance{Gen: t.Gen})
	}
	start := t.Goal.start()
	if t.Ran.Kind == app.Restart && t.Ran.Role == start.Role && t.Ran.Epoch == start.Epoch {
		start = t.Ran
	}
	t.Phase, t.Role, t.Epoch = Starting, start.Role, start.Epoch
	t.Term, t.Cut, t.Broken, t.Then, t.Handover = 0, false, "", Idle, nil
	if start.Role == app.Active {
		t.Term, t.Acted = t.Goal.Term, start.Epoch
	}
	t.do(enterRole{Gen: t.Gen, Start: start, Term: t.Term},
		arm{Gen: t.Gen, What: startDeadline, After: t.Limits.StartTimeout})
	t.tell()
	return false
}

// cutStart revokes the entry under way, if there is one, because of why. It is left as soon as it has started.
func (t *turn) cutStart(why string) {
	if t.Phase != Starting || t.Cut {
		return
	}
	t.Cut, t.Err, t.Ran = true, why, app.Start{}
	t.do(revoke{Gen: t.Gen})
	t.spend()
	t.tell()
}

// depart leaves the role on purpose, because of why, and not to return under the same epoch.
func (t *turn) depart(next Phase, why string) bool {
	t.Err, t.Ran = why, app.Start{}
	t.spend()
	t.leave(next)
	return false
}

// leave ends the role: the Context is revoked before anything else, then Stop is called. Next is Quiescing or Stopping.
func (t *turn) leave(next Phase) {
	t.Gen++
	t.Phase = next
	t.do(leaveRole{Gen: t.Gen}, arm{Gen: t.Gen, What: stopDeadline, After: t.Limits.StopTimeout})
	t.tell()
}

// discard forgets the value.
func (t *turn) discard(abandon bool) {
	t.do(killInstance{Gen: t.Born, Abandon: abandon})
	t.Born, t.Entered, t.Cut, t.Broken, t.Handover = 0, false, false, "", nil
	t.Phase, t.Then = t.Then, Idle
	if t.Phase == Idle {
		t.Role = app.Standby
	}
}

// spend makes the latest activation the last one under its epoch.
func (t *turn) spend() { t.Spent = max(t.Spent, t.Acted) }

// settle answers the goal with what is: the epoch becomes the goal's. It makes no move.
func (t *turn) settle() bool {
	if t.Phase == Running && t.Ran.Epoch == t.Epoch {
		t.Ran.Epoch = t.Goal.Epoch
	}
	t.Epoch = t.Goal.Epoch
	t.tell()
	return false
}

// tell reports what changed, if anything did.
func (t *turn) tell() {
	r := Report{Instance: t.Instance, Phase: t.Phase, Role: t.Role, Epoch: t.Epoch, Handover: t.Handover, Err: t.Err}
	if t.Phase == Idle || t.Phase == Quiesced || t.Phase == Failed {
		t.spend()
	}
	if !r.differs(t.Told) {
		return
	}
	t.Told = r
	t.do(tellReport{Report: r})
}
