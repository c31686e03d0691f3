// Package planner decides which member is active for each group, as a pure function of what is known.
//
//	(spec, members, reports, orders so far) --Make--> orders, what changed and why, when to look again, alarms
//
// One group goes through these stages; an Order says where it is:
//
//	                 +------------------ holder gone, and safe: next ------------------+
//	                 v                                                                 |
//	nothing --> Active = a, epoch n --> running, Standby = b --Quiesce, Target = b--> all quiesced --> Active = b, epoch n+1
//	                 |                                                                 |
//	                 |  an application failed, or its lease ran out                    |  Target lost: Active = a, epoch n+1
//	                 v                                                                 v
//	          Active = nil, Previous = a --all of a ended--> next
//
// It is level-triggered: it looks at everything each time, remembers only what is in the Orders, and called again on its
// own result with the same view it changes nothing. The order of members, reports and orders in a view does not matter.
//
// Promised, provided that the view tells the truth: an Active is given only when the one before can no longer act (it
// reported so under its epoch, its member said goodbye, its process is known to be gone and the group is fast, or SafeAt has
// passed); every activation has a higher epoch than all before; nothing moves unless it must or the specification prefers it.
// Truth here means: a process acts under an epoch only from receiving that order until it reports Idle, Failed or Quiesced
// with that epoch, and at most until its SafeAt; and it does not act on an order that it receives after its SafeAt.
//
// Not promised: that a fast group has one active when "its process is gone" was wrong, nor anything about how soon a member
// does what it is told; each instance's controller has deadlines for that and reports Failed when they pass.
package planner
