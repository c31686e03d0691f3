// Package appctrl decides when one application instance starts, changes its role and stops, on one member.
//
// There is one controller actor per instance. It is told an absolute Goal (absent, standby, active, quiesce, with an epoch)
// and works towards the latest one; it reports every change. It never asks and never waits: the application's callbacks
// run in an actor of their own, where they may block, and every callback has a deadline.
//
//	        goal: standby, active                         goal: absent; lease lost; crash
//	Idle ------------------------> Starting --> Running ---------------------------------> Stopping --> Idle, Starting
//	 ^                               | ^  ^       |  |                                                  or Failed
//	 |          start failed:        | |  +-------+  | goal: quiesce; active -> standby; newer epoch
//	 |          again, in place      +-+  promotion  v
//	 |                               |           Quiescing --> Quiesced --> Starting (standby, or active again)
//	 |                               v                            |
//	 |                             Failed (too many restarts)     | goal: absent
//	 +------------------------------------------------------------+
//
// This is every change of phase an event can make; a test explores all states and compares. What is not listed leaves the
// phase alone, and a step goes on to the next phase where the goal asks for it and no callback is needed. An active entry
// whose lease term is not held any more takes any event as Lapsed.
//
//	failed    Goal         -> idle starting
//	failed    Shutdown     -> idle
//	idle      Goal         -> starting
//	quiesced  exited       -> idle
//	quiesced  Goal         -> idle starting
//	quiesced  Shutdown     -> idle
//	quiescing exited       -> idle starting
//	quiescing expired      -> idle starting
//	quiescing stopped      -> idle quiesced starting
//	running   broke        -> stopping
//	running   exited       -> failed starting
//	running   Goal         -> quiescing starting stopping
//	running   Lapsed       -> stopping
//	running   Shutdown     -> stopping
//	starting  exited       -> failed idle
//	starting  expired      -> failed idle
//	starting  startFailed  -> failed idle stopping
//	starting  started      -> quiescing running stopping
//	stopping  exited       -> failed idle starting
//	stopping  expired      -> failed idle starting
//	stopping  stopped      -> failed idle starting
//
// # Promises
//
// The Context of a role is left, and so never Active again, before App.Stop is called and before any report of a phase
// other than Starting and Running. A report of Idle, Quiesced or Failed therefore means that nothing of this instance can
// act under the epochs it was active under so far, and no later goal brings one back: a goal to be active needs an epoch
// higher than every one that was left. Between two entries into a role there is always a Stop, except from standby to active, which is
// a second Start on the same value.
//
// A start that fails, by an error, a panic or its deadline, is tried again in place under its epoch, and a crash after a
// successful start is restarted in place. Each has its own limit of MaxRestarts. Of starts, all count that failed since
// the instance last ran for Within without a break, however long they took. Of crashes, those count that lie within
// Within, and only the time in which the instance ran passes for that. One more is Failed. A higher epoch begins anew.
//
// A callback that exceeds its deadline cannot be interrupted. The instance is abandoned: its Context is left, its actor is
// forgotten, Err says so, and it is reported Idle at once. For an application that asks Context.Active before it acts that
// is as safe as a clean stop. If the callback returns later after all, a started value gets its Stop, and the results are
// dropped. An application that does not ask Context.Active (an OS process, for one) has to see to its own end within the
// stop timeout; package osproc does.
//
// # Not promised
//
// That two members never run the same instance: epochs, leases and the leader's plan are for that. An active role whose
// lease term ended is left as soon as the controller hears of it (Lapsed, or any other message); until then the instance
// is Running but not Active.
package appctrl
