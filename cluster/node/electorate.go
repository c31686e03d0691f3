package node

import (
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// preferAfter is how long a member of a higher rank must have been well before it is handed leadership. It makes no
// difference to applications who leads, so it is not hurried: a member that returned a moment ago may go again.
const preferAfter = time.Minute

// electorate is what the spec says of who votes. A group that names its own candidates keeps what it says.
func (n *Node) electorate(cfg *genleader.Config) {
	e := n.cfg.Spec.Electorate
	if len(cfg.Candidates) == 0 {
		cfg.Candidates = n.cfg.Spec.Candidates()
		if cfg.Expect == 0 {
			cfg.Expect = e.Expect
		}
	}
	if cfg.MaxVoters == 0 {
		cfg.MaxVoters = e.MaxVoters
	}
	if cfg.ForgetAfter == 0 {
		cfg.ForgetAfter = time.Duration(e.ForgetAfter)
	}
	if cfg.PreferAfter == 0 {
		cfg.PreferAfter = preferAfter
	}
	if cfg.Cluster == "" {
		cfg.Cluster = n.cfg.Spec.Cluster
	}
	cfg.Witness = cfg.Witness || n.cfg.Spec.Members[n.cfg.Name].Witness
}
