package supervisor

func (p *pool) command(cmd command) []effect {
	switch cmd := cmd.(type) {
	case asked:
		return []effect{describe{ask: cmd.ask, infos: p.infos(), strategy: SimpleOneForOne}}
	case counted:
		return []effect{answer{ask: cmd.ask, value: p.count()}}
	case specAsked:
		if cmd.id != p.template().ID {
			return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.id, Err: ErrNotFound}}}
		}
		return []effect{answer{ask: cmd.ask, value: *p.template()}}
	}
	if p.phase >= stopping {
		return []effect{answer{ask: cmd.from(), err: errStopping}}
	}
	switch cmd := cmd.(type) {
	case launch:
		return p.launch(cmd)
	case terminatePID:
		return p.terminate(cmd)
	}
	return []effect{answer{ask: cmd.from(), err: &CommandError{ID: p.template().ID, Err: ErrSimple}}}
}

// terminate stops an instance, or calls off its restart. One that is gone is no error.
func (p *pool) terminate(cmd terminatePID) []effect {
	in := p.instances.get(cmd.gen)
	if in != nil && in.phase != Waiting {
		in.stoppers = append(in.stoppers, cmd.ask)
		p.markOver(in)
		if in.dying {
			p.callOff(in)
		}
		if in.phase == Stopping {
			return nil
		}
		return p.stop(in, timeless)
	}
	if in = p.former[cmd.known]; in != nil {
		p.callOff(in)
	} else if cmd.alive {
		return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.text, Err: ErrNotFound}}}
	}
	return []effect{answer{ask: cmd.ask}}
}

// unknow ends the time in which an instance is known by the PID of an earlier incarnation.
func (p *pool) unknow(in *instance) {
	delete(p.former, in.known)
	in.known = ""
}

// callOff calls off the restart of an instance. One whose next incarnation is starting already keeps that, as in OTP,
// where its start is over before the command is handled; if the start fails it is not tried again. One that is still dying
// has no next incarnation.
func (p *pool) callOff(in *instance) {
	p.unknow(in)
	in.again, in.revive = false, false
	delete(p.held, in.hold)
	if in.phase == Waiting {
		p.remove(in)
	}
}

func (p *pool) count() Counts {
	n := Counts{Specs: 1}
	for _, in := range p.instances.all() {
		if in.phase != Waiting {
			n.Active++
		}
	}
	if p.template().Type == Supervisor {
		n.Supervisors = p.instances.n
	} else {
		n.Workers = p.instances.n
	}
	return n
}

func (p *pool) infos() []Info {
	infos := make([]Info, 0, p.instances.n)
	for _, in := range p.instances.all() {
		infos = append(infos, Info{
			ID: p.template().ID, Phase: in.phase, Incarnations: in.starts,
			Type: p.template().Type, Restart: p.template().Restart, gen: in.gen,
		})
	}
	return infos
}
