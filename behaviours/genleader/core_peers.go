package genleader

import "time"

// peers is what this member knows of the processes that it meets, whether they belong to its group or not.
type peers struct {
	links     map[string]uint64        // incarnation at the other end of each link that is up
	presented map[string]presence      // what the latest process of each name said of itself
	refused   map[Member]bool          // incarnations whose process is known to be gone
	left      map[Member]bool          // incarnations that said goodbye
	joining   map[string]*joiner       // who has no state and looks for the group
	strangers map[string]stranger      // who is of another group
	stateful  map[string]uint64        // incarnations that have said that they have state
	unheard   map[string]time.Duration // who does not hear this member, because its clock was so far ahead
	stranded  map[string]LogLoss       // what members that have the log have told this one, which has none
}

// presence is what the process of a name said of itself last.
type presence struct {
	incarnation uint64
	id          uint64
	lost        time.Time // when the link to it was lost; zero: it was not
	gone        bool      // and it was seen to have ended
	durable     bool      // it keeps its state through restarts
	end         logTail   // where its log ended when it said so last
}

// is says whether it is the word of that process, with that id.
func (p presence) is(incarnation, id uint64) bool { return p.incarnation == incarnation && p.id == id }

// reaches says whether the link to a name leads to the process that has this id. One that has not said what it is yet
// gets the benefit of the doubt: it drops what is for another id.
func (p *peers) reaches(name string, id uint64) bool {
	incarnation, up := p.links[name]
	if !up || p.isStranger(Member{name, incarnation}) {
		return false
	}
	said := p.presented[name]
	return said.incarnation != incarnation || said.id == id
}

// knownEnd is how a member's process ended, or nil.
func (p *peers) knownEnd(who Member) error {
	switch {
	case p.left[who]:
		return ErrLeft
	case p.refused[who]:
		return ErrGone
	default:
		return nil
	}
}

func (p *peers) isStranger(who Member) bool {
	s, known := p.strangers[who.Name]
	return known && s.incarnation == who.Incarnation
}
