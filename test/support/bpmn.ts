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

/** A `process` element with these contents. */
function process(processId: string, elements: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions" targetNamespace="http://bpmn.io/schema/bpmn">
  <process id="${xmlText(processId)}" isExecutable="true">
    ${elements}
  </process>
</definitions>
`;
}

function xmlText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
