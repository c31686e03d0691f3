// Package member says who is in the cluster and where: the one question that discovery answers.
//
// A [Discovery] is joined once per process. The [Session] that comes back announces this member to the others, heals
// that announcement for as long as the process lives, and delivers a [View] whenever something changed.
//
//	Join ---> Session ---- Views() ----> {members, source}   the newest view, never a backlog
//	             |
//	             +-------- Leave() ----> the announcement is withdrawn, Views() is closed
//
// Three implementations stand behind it: member/static (a fixed list), member/memory (many members in one process, for
// tests) and member/consul (a Consul agent). All of them pass the suite in member/membertest.
//
// Promised: a view is complete (it replaces the one before), sorted by name, holds every name once and always holds
// this member itself; when the source of knowledge cannot be reached the view says so and keeps the last members.
//
// Not promised: that a listed member is alive, or that an unlisted one is dead. Discovery is advice about whom to talk
// to. Who may lead, and who may act, is decided elsewhere.
package member
