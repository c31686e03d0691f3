package genleader

import (
	"maps"
	"slices"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

func (c *core) linkUp(who Member) {
	if was, up := c.peers.links[who.Name]; up && was != who.Incarnation {
		c.linkDown(Member{who.Name, was}, false)
	}
	c.peers.links[who.Name] = who.Incarnation
	delete(c.peers.refused, who) // it lives after all
	c.hello(who.Name)
	c.forgetGone(who.Name)
	if c.node == nil {
		c.askToJoin()
	}
}

// forgetGone forgets how earlier incarnations of a name ended, once nobody speaks of them.
func (c *core) forgetGone(name string) {
	forget := func(who Member, _ bool) bool {
		listed := c.rounds != nil && slices.ContainsFunc(c.rounds.former, func(f former) bool { return f.Member == who })
		return who.Name == name && !c.members.isMember(who) && !listed
	}
	maps.DeleteFunc(c.peers.refused, forget)
	maps.DeleteFunc(c.peers.left, forget)
}

func (c *core) linkDown(who Member, refused bool) {
	if c.peers.links[who.Name] == who.Incarnation {
		delete(c.peers.links, who.Name)
	}
	c.loseStreams(who)
	c.loseAsked(who)
	if fresh := c.peers.joining[who.Name]; fresh != nil && fresh.incarnation == who.Incarnation {
		delete(c.peers.joining, who.Name)
	}
	delete(c.peers.unheard, who.Name)
	delete(c.peers.stranded, who.Name)
	if p := c.peers.presented[who.Name]; p.incarnation == who.Incarnation {
		p.lost, p.gone = c.now, p.gone || refused
		c.peers.presented[who.Name] = p
	}
	if refused && !c.peers.refused[who] {
		if !c.peers.left[who] { // else its end was reported
			c.reportDown(who, ErrGone)
		}
		c.peers.refused[who] = true
	}
	if c.node == nil {
		return
	}
	id := c.idOf(who)
	if id == 0 {
		return
	}
	c.node.ReportUnreachable(id)
	if c.leader == id {
		why := ConnectionClosed
		if refused {
			why = ProcessGone
		}
		c.suspectLeader(why)
	}
}

func (c *core) reportDown(who Member, reason error) {
	if c.phase == Leading {
		c.emit(memberDown{term: c.term, who: who, reason: reason})
	}
}

// receive dispatches one packet. A stranger is heard only when it introduces itself anew.
func (c *core) receive(from Member, p *wire.Packet) {
	if c.peers.isStranger(from) && p.GetJoin() == nil && p.GetHello() == nil && p.GetRefused() == nil {
		return
	}
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Join:
		c.takeJoin(from, what.Join.GetHello())
	case *wire.Packet_Hello:
		if c.meet(from, what.Hello) && c.node == nil {
			c.maybeBegin()
		}
	case *wire.Packet_Refused:
		c.refusedBy(from, what.Refused)
	case *wire.Packet_Bootstrap:
		c.openGroup(what.Bootstrap)
	case *wire.Packet_Stranded:
		c.heardOfLoss(from, what.Stranded)
	case *wire.Packet_Raft:
		c.stepRaft(from, what.Raft)
	case *wire.Packet_Stream:
		c.streamed(from, what.Stream)
	case *wire.Packet_Heartbeat:
		c.heard(from, what.Heartbeat)
	case *wire.Packet_Ack:
		c.ackHeard(from, what.Ack)
	case *wire.Packet_Call:
		c.callFrom(from, what.Call)
	case *wire.Packet_Answered:
		c.answered(what.Answered)
	case *wire.Packet_Cast:
		if c.phase == Leading && what.Cast.GetTerm() == c.term {
			c.emit(&ask{term: c.term, request: what.Cast.GetRequest(), cast: true})
		}
	case *wire.Packet_Question:
		c.emit(askLocal{from: from, seq: what.Question.GetSeq(), request: what.Question.GetRequest()})
	case *wire.Packet_Response:
		c.askAnswered(from, what.Response)
	case *wire.Packet_Appoint:
		c.appoint(from, what.Appoint)
	case *wire.Packet_TransferAsk:
		c.takeTransfer(From{Member: from, Seq: what.TransferAsk.GetSeq()}, what.TransferAsk.GetName())
	case *wire.Packet_TransferAnswer:
		c.transferAnswered(from, what.TransferAnswer)
	case *wire.Packet_ReadAsk:
		c.takeReadAsk(from, what.ReadAsk.GetAsk())
	case *wire.Packet_ReadAnswer:
		c.readAnswered(what.ReadAnswer.GetAsk(), what.ReadAnswer.GetIndex())
	case *wire.Packet_Bye:
		if c.peers.knownEnd(from) == nil {
			c.reportDown(from, ErrLeft)
		}
		c.peers.left[from], c.shown.stale = true, true
		if id := c.idOf(from); id != 0 && c.leader == id {
			c.suspectLeader(SaidGoodbye)
		}
	}
}
