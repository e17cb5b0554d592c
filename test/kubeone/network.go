package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
)

// choosePorts finds free ports of the loopback interface. They are not of the
// range that the system gives to clients, so that a part that is started again
// finds its port free.
func (c *cluster) choosePorts() error {
	next := 20000
	for _, port := range []*int{&c.ports.api, &c.ports.etcd, &c.ports.etcdPeer, &c.ports.kubelet, &c.ports.kubeletHealth} {
		for ; *port == 0; next++ {
			if next > 30000 {
				return errors.New("no free port between 20000 and 30000")
			}
			if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(next)); err == nil {
				if err := l.Close(); err != nil {
					return err
				}
				*port = next
			}
		}
	}
	return nil
}

// makeBridge makes the bridge that pods are connected to. Its address is the
// node's, which thereby needs no other network, and must not be of loopback.
func (c *cluster) makeBridge(ctx context.Context) error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge"},
		{"address", "add", nodeIP + "/24", "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return letPodsTalk("--insert")
}

// removeBridge removes what makeBridge made, which is not there where the
// network namespace has gone.
func removeBridge() {
	_ = letPodsTalk("--delete")
	_ = exec.Command("ip", "link", "delete", bridge).Run()
}

// letPodsTalk inserts or deletes a rule that lets pods reach each other where a
// Docker engine has forbidden all that it does not know.
func letPodsTalk(action string) error {
	if _, err := exec.LookPath("iptables"); err != nil {
		return nil // nor has anybody else rules
	}
	out, err := exec.Command("iptables", "--wait", action, "FORWARD", "--in-interface", bridge, "--out-interface", bridge, "--jump", "ACCEPT").CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables: %w: %s", err, out)
	}
	return nil
}
