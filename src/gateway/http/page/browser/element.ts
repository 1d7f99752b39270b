// preact's h, typed for calls instead of JSX: children are arguments, and whatever is made is simply a VNode.
import { type ComponentChildren, type JSX, h as make, type VNode } from 'preact';

interface Keyed {
  readonly key?: string | undefined;
}

interface Data {
  readonly [name: `data-${string}`]: string;
}

export function h<K extends keyof JSX.IntrinsicElements>(
  tag: K,
  props: JSX.IntrinsicElements[K] & Data,
  ...children: ComponentChildren[]
): VNode;
export function h<P>(
  component: (props: P) => VNode | null,
  props: Omit<P, 'children'> & Keyed,
  ...children: ComponentChildren[]
): VNode;
export function h(
  type: string | ((props: object) => VNode | null),
  props: object,
  ...children: ComponentChildren[]
): VNode {
  return make(type as string, props, ...children) as VNode;
}
