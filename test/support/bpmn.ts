// Process models for tests, as BPMN text: no more than the engine needs to run them.

export interface ServiceTaskProcess {
  readonly processId: string;
  readonly jobType: string;
  /** Default 3. */
  readonly retries?: number;
}

/** start → one service task → end; the task's result becomes variables of the instance. */
export function serviceTaskProcess(options: ServiceTaskProcess): string {
  const { processId, jobType, retries = 3 } = options;
  return process(
    processId,
    `<startEvent id="start"/>
    <sequenceFlow id="toTask" sourceRef="start" targetRef="task"/>
    <serviceTask id="task" name="${xmlText(jobType)}">
      <extensionElements><zeebe:taskDefinition type="${xmlText(jobType)}" retries="${retries}"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="toEnd" sourceRef="task" targetRef="end"/>
    <endEvent id="end"/>`,
  );
}

/** start → a service task → another one → end. */
export function twoTaskProcess(options: ServiceTaskProcess & { readonly thenJobType: string }): string {
  const { processId, jobType, retries = 3, thenJobType } = options;
  const task = (id: string, type: string, times: number) =>
    `<serviceTask id="${id}" name="${xmlText(type)}">
      <extensionElements><zeebe:taskDefinition type="${xmlText(type)}" retries="${times}"/></extensionElements>
    </serviceTask>`;
  return process(
    processId,
    `<startEvent id="start"/>
    <sequenceFlow id="toTask" sourceRef="start" targetRef="task"/>
    ${task('task', jobType, retries)}
    <sequenceFlow id="toNext" sourceRef="task" targetRef="next"/>
    ${task('next', thenJobType, 1)}
    <sequenceFlow id="toEnd" sourceRef="next" targetRef="end"/>
    <endEvent id="end"/>`,
  );
}

/**
 * start → a service task → another one → end. A BPMN error of this code, and no other, is caught at the first task: the
 * variable `caught` becomes the code, and the second task is next. The error's own variables live in the boundary event
 * only; its output mappings hand on those named in `outputs`. `inputs` (by target) and `headers` are the first task's, as an
 * element template writes them.
 */
export function catchingProcess(
  options: ServiceTaskProcess & {
    readonly errorCode: string;
    readonly outputs: readonly string[];
    readonly thenJobType: string;
    readonly inputs?: Readonly<Record<string, string>>;
    readonly headers?: Readonly<Record<string, string>>;
  },
): string {
  const { processId, jobType, retries = 3, errorCode, outputs, thenJobType, inputs = {}, headers = {} } = options;
  const mapped = Object.entries(inputs).map(
    ([target, source]) => `<zeebe:input source="${xmlText(source)}" target="${xmlText(target)}"/>`,
  );
  return process(
    processId,
    `<startEvent id="start"/>
    <sequenceFlow id="toTask" sourceRef="start" targetRef="task"/>
    <serviceTask id="task" name="${xmlText(jobType)}">
      <extensionElements>
        <zeebe:taskDefinition type="${xmlText(jobType)}" retries="${retries}"/>
        ${mapped.length > 0 ? `<zeebe:ioMapping>${mapped.join('')}</zeebe:ioMapping>` : ''}
        ${headersText(headers)}
      </extensionElements>
    </serviceTask>
    <boundaryEvent id="error" attachedToRef="task">
      <extensionElements>
        <zeebe:ioMapping>${outputs.map((name) => `<zeebe:output source="=${name}" target="${name}"/>`).join('')}</zeebe:ioMapping>
      </extensionElements>
      <outgoing>toCaught</outgoing>
      <errorEventDefinition errorRef="code"/>
    </boundaryEvent>
    <sequenceFlow id="toCaught" sourceRef="error" targetRef="caught"/>
    <scriptTask id="caught">
      <extensionElements>
        <zeebe:script expression="=&#34;${xmlText(errorCode)}&#34;" resultVariable="caught"/>
      </extensionElements>
    </scriptTask>
    <sequenceFlow id="fromCaught" sourceRef="caught" targetRef="next"/>
    <sequenceFlow id="toNext" sourceRef="task" targetRef="next"/>
    <serviceTask id="next">
      <extensionElements><zeebe:taskDefinition type="${xmlText(thenJobType)}" retries="1"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="toEnd" sourceRef="next" targetRef="end"/>
    <endEvent id="end"/>`,
    `<error id="code" name="${xmlText(errorCode)}" errorCode="${xmlText(errorCode)}"/>`,
  );
}

/** start → waits for a message under the value of `correlationKey` (FEEL) → a service task → end. */
export function messageProcess(options: {
  readonly processId: string;
  readonly messageName: string;
  readonly correlationKey: string;
  readonly thenJobType: string;
}): string {
  const { processId, messageName, correlationKey, thenJobType } = options;
  return process(
    processId,
    `<startEvent id="start"/>
    <sequenceFlow id="toWait" sourceRef="start" targetRef="wait"/>
    <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="message"/></intermediateCatchEvent>
    <sequenceFlow id="toNext" sourceRef="wait" targetRef="next"/>
    <serviceTask id="next">
      <extensionElements><zeebe:taskDefinition type="${xmlText(thenJobType)}" retries="1"/></extensionElements>
    </serviceTask>
    <sequenceFlow id="toEnd" sourceRef="next" targetRef="end"/>
    <endEvent id="end"/>`,
    messageText(messageName, correlationKey),
  );
}

/**
 * A call in two symbols: start → a service task with these headers, of which the worker is done when it has published →
 * waits for a message under the value of `correlationKey` (FEEL), whose variables become the instance's → end.
 */
export function publishAndWaitProcess(options: {
  readonly processId: string;
  readonly jobType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly messageName: string;
  readonly correlationKey: string;
}): string {
  const { processId, jobType, headers, messageName, correlationKey } = options;
  return process(
    processId,
    `<startEvent id="start"/>
    <sequenceFlow id="toTask" sourceRef="start" targetRef="task"/>
    <serviceTask id="task" name="${xmlText(jobType)}">
      <extensionElements>
        <zeebe:taskDefinition type="${xmlText(jobType)}"/>
        ${headersText(headers)}
      </extensionElements>
    </serviceTask>
    <sequenceFlow id="toWait" sourceRef="task" targetRef="wait"/>
    <intermediateCatchEvent id="wait"><messageEventDefinition messageRef="message"/></intermediateCatchEvent>
    <sequenceFlow id="toEnd" sourceRef="wait" targetRef="end"/>
    <endEvent id="end"/>`,
    messageText(messageName, correlationKey),
  );
}

/** A `process` element with these contents, after what it refers to. */
function process(processId: string, elements: string, definitions = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions" targetNamespace="http://bpmn.io/schema/bpmn">
  ${definitions}
  <process id="${xmlText(processId)}" isExecutable="true">
    ${elements}
  </process>
</definitions>
`;
}

function headersText(headers: Readonly<Record<string, string>>): string {
  const each = Object.entries(headers).map(
    ([key, value]) => `<zeebe:header key="${xmlText(key)}" value="${xmlText(value)}"/>`,
  );
  return each.length > 0 ? `<zeebe:taskHeaders>${each.join('')}</zeebe:taskHeaders>` : '';
}

/** What a catch event refers to as `message`. */
function messageText(name: string, correlationKey: string): string {
  return `<message id="message" name="${xmlText(name)}">
    <extensionElements><zeebe:subscription correlationKey="${xmlText(correlationKey)}"/></extensionElements>
  </message>`;
}

function xmlText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
