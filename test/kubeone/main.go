// Command kubeone is test equipment: a Kubernetes cluster of one node. It is
// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubelet in
// one binary, built from their Go modules, over the containerd, runc and CNI
// plugins of the machine. Nothing is pulled from anywhere.
//
//	kubeone up [flags] [-- command...]
//	kubeone down -dir DIR
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // the parts' flag --logging-format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the parts' metrics, as their own main programs have them
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const usage = `usage:
  kubeone up [flags] [-- command...]   start a cluster, run a command or wait for a signal, take the cluster down
  kubeone down -dir DIR                take away what a kubeone that was killed left
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	verb, args := os.Args[1], os.Args[2:]
	switch verb {
	case "up":
		os.Exit(report(up(args)))
	case "down":
		os.Exit(report(down(args)))
	}
	// A part reads os.Args by itself (the kubelet does so twice): it sees its
	// own name and no verb.
	os.Args = append([]string{filepath.Join(filepath.Dir(os.Args[0]), verb)}, args...)
	switch verb {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(kcm.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}
