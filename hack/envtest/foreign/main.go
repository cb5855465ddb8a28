// An ordinary client-go program with default settings: it creates, updates, applies, watches and deletes, and is elected.
//
// It prints one line for each thing that worked and ends with 1 at the first that did not. The kubeconfig is its only argument; it
// works in the namespace that the second one names, which it does not create.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var background = context.Background()

func check(what string, err error) {
	if err != nil {
		fmt.Printf("FAILED %s: %v\n", what, err)
		os.Exit(1)
	}
	fmt.Println("ok", what)
}

func expect(what string, holds bool) {
	if !holds {
		check(what, fmt.Errorf("is not so"))
	}
	fmt.Println("ok", what)
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check("kubeconfig", err)
	client, err := kubernetes.NewForConfig(config)
	check("client", err)
	namespace := os.Args[2]
	configMaps(client, namespace)
	pods(client, namespace)
	deployments(client, namespace)
	elect(client, namespace)
}

func configMaps(client kubernetes.Interface, namespace string) {
	maps := client.CoreV1().ConfigMaps(namespace)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	added, deleted := make(chan string, 100), make(chan string, 100)
	informer := factory.Core().V1().ConfigMaps().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { added <- o.(*corev1.ConfigMap).Name },
		DeleteFunc: func(any) { deleted <- "" },
	})
	check("handler", err)
	stop := make(chan struct{})
	defer close(stop)
	factory.Start(stop)
	factory.WaitForCacheSync(stop)

	created, err := maps.Create(background, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "go"}, Data: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	check("create", err)
	for name := range added {
		if name == "go" {
			break
		}
	}
	fmt.Println("ok informer saw the creation")
	changed := created.DeepCopy()
	changed.Data["a"] = "c"
	changed, err = maps.Update(background, changed, metav1.UpdateOptions{})
	check("update", err)
	_, err = maps.Update(background, created, metav1.UpdateOptions{})
	expect("a stale update is a conflict", apierrors.IsConflict(err))
	foreign := changed.DeepCopy()
	foreign.UID = "another"
	_, err = maps.Update(background, foreign, metav1.UpdateOptions{})
	expect("an update of another uid is a conflict", apierrors.IsConflict(err))
	_, err = maps.Apply(background, applycore.ConfigMap("go", namespace).WithData(map[string]string{"x": "y"}), metav1.ApplyOptions{FieldManager: "program"})
	check("apply", err)
	_, err = maps.Patch(background, "go", types.StrategicMergePatchType, []byte(`{"metadata":{"finalizers":["example.com/hold"]}}`), metav1.PatchOptions{})
	check("strategic patch", err)
	check("delete", maps.Delete(background, "go", metav1.DeleteOptions{}))
	_, err = maps.Patch(background, "go", types.JSONPatchType, []byte(`[{"op":"remove","path":"/metadata/finalizers"}]`), metav1.PatchOptions{})
	check("finalizer removed", err)
	<-deleted
	fmt.Println("ok informer saw the deletion")
	check("delete collection", maps.DeleteCollection(background, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "a=b"}))
}

func template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "go"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b:1"}}},
	}
}

func pods(client kubernetes.Interface, namespace string) {
	no := false
	spec := template().Spec
	spec.AutomountServiceAccountToken = &no
	pods := client.CoreV1().Pods(namespace)
	pod, err := pods.Create(background, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}, Spec: spec}, metav1.CreateOptions{})
	check("create a pod", err)
	expect("a pod has defaults", pod.Spec.RestartPolicy == corev1.RestartPolicyAlways && pod.Spec.Containers[0].ImagePullPolicy == corev1.PullIfNotPresent)
	check("bind", pods.Bind(background, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"}}, metav1.CreateOptions{}))
	pod, err = pods.Get(background, pod.Name, metav1.GetOptions{})
	check("get", err)
	pod.Status.Phase = corev1.PodRunning
	pod, err = pods.UpdateStatus(background, pod, metav1.UpdateOptions{})
	check("status", err)
	expect("the pod runs on its node", pod.Spec.NodeName == "n" && pod.Status.Phase == corev1.PodRunning)
	zero := int64(0)
	check("evict", pods.EvictV1(background, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: &zero}}))
	_, err = pods.Get(background, pod.Name, metav1.GetOptions{})
	expect("the pod is gone", apierrors.IsNotFound(err))
}

func deployments(client kubernetes.Interface, namespace string) {
	deployments := client.AppsV1().Deployments(namespace)
	replicas := int32(0)
	_, err := deployments.Create(background, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "go"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "go"}}, Template: template()},
	}, metav1.CreateOptions{})
	check("create a deployment", err)
	scale, err := deployments.GetScale(background, "go", metav1.GetOptions{})
	check("get its scale", err)
	expect("replicas of zero stay", scale.Spec.Replicas == 0)
	scale.Spec.Replicas = 3
	_, err = deployments.UpdateScale(background, "go", scale, metav1.UpdateOptions{})
	check("scale", err)
	policy := metav1.DeletePropagationForeground
	check("delete in the foreground", deployments.Delete(background, "go", metav1.DeleteOptions{PropagationPolicy: &policy}))
}

func elect(client kubernetes.Interface, namespace string) {
	ctx, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "go", Namespace: namespace},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "me"},
	}
	led := false
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { led = true; time.Sleep(time.Second); cancel() },
			OnStoppedLeading: func() {},
		},
	})
	expect("leads", led)
	lease, err := client.CoordinationV1().Leases(namespace).Get(background, "go", metav1.GetOptions{})
	check("lease", err)
	expect("the lease is released", lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "")
}
