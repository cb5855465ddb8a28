// The ReplicaSet example on controller-runtime: creates missing Pods, deletes surplus ones, and counts them in the status.
package main

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const ownerIndex = "owner-uid"

type reconciler struct {
	client.Client
	recorder events.EventRecorder
}

// Reconcile is one pass: look, compare, act.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var owner ReplicaSet
	if err := r.Get(ctx, request.NamespacedName, &owner); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !owner.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(request.Namespace), client.MatchingFields{ownerIndex: string(owner.UID)}); err != nil {
		return ctrl.Result{}, err
	}
	replicas := 1
	if owner.Spec.Replicas != nil {
		replicas = *owner.Spec.Replicas
	}
	missing := map[string]bool{}
	for i := range replicas {
		missing[fmt.Sprintf("%s-%d", owner.Name, i)] = true
	}
	created, deleted := 0, 0
	for i := range pods.Items {
		pod := &pods.Items[i]
		if missing[pod.Name] {
			delete(missing, pod.Name)
		} else if pod.DeletionTimestamp.IsZero() {
			if err := r.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil {
				return ctrl.Result{}, err
			}
			deleted++
		}
	}
	for name := range missing {
		if err := r.create(ctx, &owner, name); err != nil {
			return ctrl.Result{}, err
		}
		created++
	}
	if created+deleted > 0 {
		r.recorder.Eventf(&owner, nil, corev1.EventTypeNormal, "Scaled", "Scale", "created %d, deleted %d pods", created, deleted)
	}
	status := ReplicaSetStatus{Replicas: replicas, ObservedGeneration: owner.Generation}
	if owner.Status == status {
		return ctrl.Result{}, nil
	}
	before := owner.DeepCopyObject().(*ReplicaSet)
	owner.Status = status
	return ctrl.Result{}, r.Status().Patch(ctx, &owner, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (r *reconciler) create(ctx context.Context, owner *ReplicaSet, name string) error {
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: owner.Namespace, Labels: owner.Spec.Template.Labels},
		Spec:       owner.Spec.Template.Spec,
	}
	if err := controllerutil.SetControllerReference(owner, &pod, r.Scheme()); err != nil {
		return err
	}
	return r.Create(ctx, &pod)
}

func ownersOf(object client.Object) []string {
	var uids []string
	for _, reference := range object.GetOwnerReferences() {
		uids = append(uids, string(reference.UID))
	}
	return uids
}

func run() error {
	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := addToScheme(scheme); err != nil {
		return err
	}
	// JSON, because the proxy of the comparison reads the events of watches.
	config := &rest.Config{Host: os.Getenv("API_SERVER"), BearerToken: os.Getenv("API_TOKEN"), ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	manager, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := manager.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, ownerIndex, ownersOf); err != nil {
		return err
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&ReplicaSet{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&corev1.Pod{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		Complete(&reconciler{manager.GetClient(), manager.GetEventRecorder("replicaset-example")})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
