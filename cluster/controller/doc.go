// Package controller turns a specification into running instances: on the leader it plans, on every member it obeys.
//
//	group view, reports --> leader: planner.Make --> orders in gdict --> every member's local controller --> appctrl
//	                            ^                                                                             |
//	                            +------------------- reports in gdict <---------------------------------------+
//
// Orders and reports are entries of the dictionary, so a new leader finds both where the last one left them. Orders are
// written by compare-and-store against the revision they were planned from; a leader that has been replaced cannot
// overwrite its successor's.
//
// It promises that an activation is ordered only after its predecessor's report of having stopped, or after the moment from which the
// predecessor can hold no lease (or, for applications with failover fast, after its process is known to be gone), and
// that a member acts on an order only under the lease it held when it learned of it.
//
// It does not promise that orders are carried out in any given time; the plan is made again whenever anything changes.
package controller
