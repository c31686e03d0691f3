package genleader

import (
	"fmt"
	"slices"
)

const (
	defaultMaxVoters = 5
	preferElections  = 20 // default of PreferAfter in election times
)

// electorateDefaults fills in what Config says of the electorate, and checks it.
func (cfg *Config) electorateDefaults() error {
	if len(cfg.Candidates) == 0 {
		return fmt.Errorf("genleader: Candidates: %q: name at least one member that may vote", cfg.Candidates)
	}
	for i, name := range cfg.Candidates {
		if name == "" || slices.Contains(cfg.Candidates[:i], name) {
			return fmt.Errorf("genleader: Candidates: %q: must be names, each of them once", cfg.Candidates)
		}
	}
	if cfg.Expect == 0 {
		cfg.Expect = len(cfg.Candidates)
	}
	if cfg.MaxVoters == 0 {
		cfg.MaxVoters = defaultMaxVoters
	}
	if cfg.PreferAfter == 0 {
		cfg.PreferAfter = preferElections * cfg.Timing.Election
	}
	switch {
	case cfg.Expect < 1 || cfg.Expect > len(cfg.Candidates):
		return fmt.Errorf("genleader: Expect: %d: must be from 1 to the number of Candidates (%d)", cfg.Expect, len(cfg.Candidates))
	case 2*cfg.Expect <= len(cfg.Candidates):
		return fmt.Errorf("genleader: Expect: %d: must be more than half of the %d Candidates, or two parts of them could begin two groups",
			cfg.Expect, len(cfg.Candidates))
	case cfg.MaxVoters < 1:
		return fmt.Errorf("genleader: MaxVoters: %d: must be at least 1", cfg.MaxVoters)
	case cfg.ForgetAfter < 0 || (cfg.ForgetAfter > 0 && cfg.ForgetAfter < forgetLeast*cfg.Timing.Election):
		return fmt.Errorf("genleader: ForgetAfter: %v: must be zero, for never, or at least %d election times (%v)",
			cfg.ForgetAfter, forgetLeast, forgetLeast*cfg.Timing.Election)
	case cfg.Witness && !slices.Contains(cfg.Candidates, cfg.Self.Name):
		return fmt.Errorf("genleader: Witness: %v: a witness votes, so %q must be one of Candidates %q", cfg.Witness, cfg.Self.Name, cfg.Candidates)
	}
	return nil
}

// forgetLeast is how many election times a member must be away at the least before it is removed.
const forgetLeast = 4
