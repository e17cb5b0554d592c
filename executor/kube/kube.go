// Package kube runs containers on a Kubernetes cluster, each as one Job.
//
// The Job's name is the container's ID, which is what makes a second start of
// the same ID impossible. All environment values and files are in Secrets that
// the Job owns. How a container ended is read from its pod, not from the Job,
// which learns of it later.
package kube

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc" // clusters whose users log in with OpenID Connect
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// Name is the executor's name.
const Name = "k8s"

// Options are the settings of an executor. The zero value is usable.
type Options struct {
	// Kubeconfig is the path of a configuration file. Default: the files that
	// KUBECONFIG lists, else ~/.kube/config, else the service account of the pod
	// that this process runs in.
	Kubeconfig string
	// Context of the configuration. Default: its current one.
	Context string
	// Namespace for everything that is made. Default: that of the context.
	Namespace string
	// JoinImage has sh and cat, with which files larger than a Secret are put
	// together. Default: the image of the step.
	JoinImage string
	// Logger hears what is worth knowing. Default: nobody.
	Logger *slog.Logger
}

// Executor runs containers on one cluster, in one namespace. Make it with New.
type Executor struct {
	core, batch rest.Interface
	config      *rest.Config
	namespace   string
	joinImage   string
	log         *slog.Logger
	requests    *atomic.Int64
	split       splitLogs
}

// New makes an executor. It does not connect yet: Probe does.
func New(o Options) (*Executor, error) {
	quietLibrary()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		if clientcmd.IsEmptyConfig(err) {
			err = fmt.Errorf("there is no cluster configuration in %s: set KUBECONFIG, or run inside a cluster", strings.Join(rules.Precedence, ", "))
		}
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	e := &Executor{namespace: namespace, joinImage: o.JoinImage, log: o.Logger, requests: new(atomic.Int64)}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	return e, e.connect(config)
}

// connect makes the clients. The library's own limit of requests is off: the
// server has one, and says so.
func (e *Executor) connect(config *rest.Config) (err error) {
	config.UserAgent = "kog"
	config.QPS = -1
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counter{next, e.requests} })
	e.config = config
	if e.core, err = newClient(config, "/api", corev1.SchemeGroupVersion); err == nil {
		e.batch, err = newClient(config, "/apis", batchv1.SchemeGroupVersion)
	}
	if err != nil {
		return fmt.Errorf("kubernetes: %w", err)
	}
	return nil
}

// Requests counts the requests that went to the API server.
func (e *Executor) Requests() int64 { return e.requests.Load() }

type counter struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

var codecs = sync.OnceValue(func() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, batchv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // types that are compiled in do not fit together
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
})

// object is one of the cluster's. Its uid may be left out where it does not matter.
type object struct {
	namespace, name string
	uid             types.UID
}

// client is the one that knows a kind of object.
func (e *Executor) client(what call) rest.Interface {
	if what.resource == "jobs" {
		return e.batch
	}
	return e.core
}

func newClient(config *rest.Config, path string, gv schema.GroupVersion) (rest.Interface, error) {
	c := rest.CopyConfig(config)
	c.APIPath, c.GroupVersion, c.NegotiatedSerializer = path, &gv, codecs()
	return rest.RESTClientFor(c)
}

// quietLibrary keeps the library from writing to standard error.
var quietLibrary = sync.OnceFunc(func() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) })

// handle is what finds a Job again, from another machine too.
func handle(job *batchv1.Job) executor.Handle {
	return executor.Handle{Executor: Name, ID: job.Name, Ref: job.Namespace + "/" + string(job.UID)}
}
