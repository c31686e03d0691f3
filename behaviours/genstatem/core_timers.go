package genstatem

import "slices"

// setTimers does what the actions of a transition say about timeouts, in their order.
func (c *core[S]) setTimers(fx []effect) []effect {
	for _, a := range c.wanted {
		switch a := a.(type) {
		case set:
			fx = c.setTimer(a, fx)
		case cancel:
			fx = c.cancelTimer(a.timer, fx)
		case update:
			if i := c.find(a.timer); i >= 0 {
				c.timers[i].content = a.content
			} else {
				fx = c.setTimer(set{timer: a.timer, content: a.content}, fx)
			}
		}
	}
	return fx
}

// setTimer sets a timer anew: whatever ran under its name is gone.
func (c *core[S]) setTimer(a set, fx []effect) []effect {
	fx = c.cancelTimer(a.timer, fx)
	if a.after == Infinity {
		return fx
	}
	c.gen++
	c.timers = append(c.timers, running{timer: a.timer, gen: c.gen, content: a.content, due: a.after <= 0})
	if a.after > 0 {
		fx = append(fx, arm{a.timer, c.gen, a.after})
	}
	return fx
}

func (c *core[S]) cancelTimer(t timer, fx []effect) []effect {
	i := c.find(t)
	if i < 0 {
		return fx
	}
	if !c.timers[i].due {
		fx = append(fx, disarm{t})
	}
	c.timers = slices.Delete(c.timers, i, i+1)
	return fx
}

func (c *core[S]) find(t timer) int {
	return slices.IndexFunc(c.timers, func(r running) bool { return r.timer == t })
}

// takeTimer makes a timer that has run out an event.
func (c *core[S]) takeTimer(i int) Event {
	r := c.timers[i]
	c.timers = slices.Delete(c.timers, i, i+1)
	return Event{Kind: r.kind, Name: r.name, Content: r.content}
}
